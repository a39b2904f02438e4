import { BlendFormatError } from '../../../../core/blend/blend-format-error';
import { readBlendFacts } from '../../../../core/blend/scene-facts';
import { BLENDER_3_4, BlendWriter } from '../../../support/blend-writer';
import { bytesSource } from '../../../support/counting-source';

const MIB = 2 ** 20;

async function errorOf(bytes: Uint8Array): Promise<BlendFormatError> {
  const error: unknown = await readBlendFacts(bytesSource(bytes)).catch((thrown: unknown) => thrown);
  if (error instanceof BlendFormatError) return error;
  throw new Error('it was read, or failed in another way', { cause: error });
}

const withDna = (dna: Uint8Array): Buffer =>
  new BlendWriter().scene('A').block('DNA1', dna).block('ENDB').bytes();

describe('readBlendFacts throws bad-sdna', () => {
  const DNA = new BlendWriter().dna();

  test.each(['NAME', 'TYPE', 'STRC'])('for four billion of %s', async (section) => {
    for (const count of [0xffffffff, 0x7fffffff, 0x10001, 5000]) {
      const dna = Buffer.from(DNA);
      dna.writeUInt32LE(count, dna.indexOf(section) + 4);
      expect((await errorOf(withDna(dna))).code).toBe('bad-sdna');
    }
  });

  test('for one that is cut anywhere', async () => {
    for (let length = 0; length < DNA.length; length += 7) {
      expect((await errorOf(withDna(DNA.subarray(0, length)))).code).toBe('bad-sdna');
    }
  });

  test('for none at all, and for arrays of absurd sizes', async () => {
    expect((await errorOf(new BlendWriter().scene('A').block('ENDB').bytes())).code).toBe('bad-sdna');
    for (const name of ['pic[9999]', 'pic[1e99]', 'pi[99999]', '[][][][]]']) {
      const dna = Buffer.from(DNA.toString('latin1').replace('pic[1024]', name), 'latin1');
      expect((await errorOf(withDna(dna))).code).toBe('bad-sdna');
    }
  });

  test('for names without an end, or with one that is far', async () => {
    for (const name of ['x'.repeat(5000), 'Scene'.padEnd(1025, 'e')]) {
      const dna = Buffer.from(DNA.toString('latin1').replace('Scene\0', `${name}\0`), 'latin1');
      expect((await errorOf(withDna(dna))).code).toBe('bad-sdna');
    }
    const endless = Buffer.from(
      DNA.toString('latin1')
        .replaceAll('\0', 'x')
        .replace(/^SDNANAME..../s, 'SDNANAME\x09\0\0\0'),
      'latin1',
    );
    expect(await errorOf(withDna(endless))).toMatchObject({
      code: 'bad-sdna',
      reason: expect.stringContaining('a name has no end'),
    });
  });

  test('for a Scene without frames, or with frames that are no number', async () => {
    for (const name of ['afra', '*fra']) {
      const dna = Buffer.from(DNA.toString('latin1').replace('\0sfra\0', `\0${name}\0`), 'latin1');
      expect((await errorOf(withDna(dna))).code).toBe('bad-sdna');
    }
  });

  // A file in memory is walked through; of a larger one only the end is looked at, unless in doubt.
  describe.each([0, 3 * MIB])('not for a decoy, in a file with a block of %d bytes', (size) => {
    const front = (): BlendWriter => new BlendWriter().scene('A').block('ME', Buffer.alloc(size));
    const decoy = new BlendWriter(BLENDER_3_4, { FileGlobal: ['Scene *curscene'] }).end().subarray(12);
    const stub = new BlendWriter().block('DNA1', Buffer.from('SDNANAME')).block('ENDB').bytes().subarray(12);

    test.each([
      ['in the data of the last block', () => front().block('DATA', decoy).end()],
      ['that is but a stub', () => front().block('DATA', stub).end()],
      ['twice', () => front().block('DATA', decoy).block('DATA', decoy).end()],
      ['behind the end block', () => Buffer.concat([front().end(), decoy])],
      ['after 200 kB of trailing bytes', () => Buffer.concat([front().end(), Buffer.alloc(200_000)])],
    ])('%s', async (_, bytes) => {
      const facts = await readBlendFacts(bytesSource(bytes()));
      expect(facts).toMatchObject({ activeScene: 'A', incomplete: false });
    });
  });
});
