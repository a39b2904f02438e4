import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { CONTENTS_STRUCTS, ContentsWriter } from '../support/blend-contents-writer';
import { BLENDER_3_4, BLENDER_5_0, BlendWriter } from '../support/blend-writer';
import { fewOrAll } from '../support/heavy';
import { bundleText } from '../support/lambda-bundle';
import { bombFrame, seekableZstd, seekTable, storedFrame, storedFrames } from '../support/zstd-frames';

const run = promisify(execFile);
const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** Megabytes that a process of Node may take at its peak, with all that is Node's own (some 41). */
const MOST_MEGABYTES = 128;

/** A Node without any options, which reads a file as one in a bucket, or where it is on disk, and prints its own peak. */
const READ = `
  import { readFileSync } from 'node:fs';
  import { readBlendContents } from './core/scene/contents/read-contents';
  import { readBlendFacts } from './core/scene/blend/facts';
  import { FileStorage } from './core/storage/file-storage';
  async function main() {
    const source = await new FileStorage().open(new URL(process.argv[2]!));
    const stored = {
      url: new URL('memory://bucket/scene.blend'),
      size: source.size,
      read: (offset: number, length: number, room?: Uint8Array) => source.read(offset, length, room),
      close: () => source.close(),
    };
    const answers = {
      facts: () => readBlendFacts(stored),
      contents: () => readBlendContents(stored),
      'local facts': () => readBlendFacts(source),
      'local contents': () => readBlendContents(source),
    };
    const end = await answers[process.argv[3]! as keyof typeof answers]().then(
      (answer) => (answer.incomplete ? 'incomplete' : 'whole'),
      (error) => error.code,
    );
    await source.close();
    // Not the maximum of getrusage(2), in which the parent's own memory counts.
    const peak = /VmHWM:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))![1];
    console.log(JSON.stringify({ end, megabytes: Number(peak) / 1024 }));
  }
  void main();
`;

const scene = (): BlendWriter => new BlendWriter().struct('GLOB', 'FileGlobal', {}).scene('A');
const noise = (mebibytes: number): Buffer =>
  scene()
    .block('ME', randomBytes(mebibytes * MIB))
    .end();

/** The blocks of a writer, without the header of the file. */
const blocks = (writer: BlendWriter): Buffer => writer.bytes().subarray(12);

/** `block` so many times, each with what `mark` writes to it. */
function many(
  block: Buffer,
  count: number,
  mark: (at: number, all: Buffer, index: number) => void = () => {},
): Buffer {
  const all = Buffer.alloc(count * block.length, block);
  for (let index = 0; index < count; index++) mark(index * block.length, all, index);
  return all;
}

const SMALL = many(blocks(new BlendWriter().block('DATA', Buffer.alloc(1000))), 100_000);

/** Image sequences with the longest of paths and names, none of which is UTF-8, and all different. */
const images = (count: number): Buffer =>
  many(
    blocks(new ContentsWriter().id('IM', 'Image', '', { name: Buffer.alloc(1024, 0xff), source: 2 })),
    count,
    (at, all, index) => {
      all.writeBigUInt64LE(BigInt(index + 1), at + 8);
      all.write(`IM${index}`.padEnd(66, '\xff'), at + 48, 'latin1');
      all.write(`//${index}/`, at + 120);
    },
  );

/** Objects with one of all that is put together at their end. */
const BUSY = blocks(
  new ContentsWriter()
    .id('SC', 'Scene', 'S', { 'r.scemode': 1 })
    .data('Sequence', { type: 0, strip: 8n, name: Buffer.alloc(64, 0xff) }, 4n)
    .data('Strip', { stripdata: 9n, dir: Buffer.alloc(768, 0xff) }, 8n)
    .data('StripElem', { name: 'x' }, 9n)
    .object('O')
    .data('ClothModifierData', { 'modifier.mode': 3, point_cache: 5n }, 3n)
    .data('PointCache', { path: Buffer.alloc(1024, 0xff), flag: 64 }, 5n)
    .data('ParticleSystem', { name: Buffer.alloc(64, 0xff), part: 7n, clmd: 3n, pointcache: 5n }, 6n)
    .data('NodesModifierData', { 'modifier.mode': 3, bakes: 11n }, 10n)
    .data('NodesModifierBake', {}, 11n),
);

/** A window of 8 MiB, the largest that is accepted. */
function largeWindow(frame: Buffer): Buffer {
  frame[5] = 13 << 3;
  return frame;
}

/** Each frame in two blocks, so that it may be left half unpacked. */
function halvedFrames(content: Buffer): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < content.length; at += 940) {
    frames.push(storedFrame(content.subarray(at, at + 940), { blockBytes: 470 }));
  }
  const sizes = frames.map((frame, index) => ({
    packedBytes: frame.length,
    bytes: Math.min(940, content.length - index * 940),
  }));
  return Buffer.concat([...frames, seekTable(sizes)]);
}

/** More members than any Blender has. */
function manyMembers(): Buffer {
  const members = Array.from({ length: 4000 }, (_, index) => `char m${index}[1]`);
  const structs = Object.keys(CONTENTS_STRUCTS).slice(4, 17);
  const table = { ...CONTENTS_STRUCTS, ...Object.fromEntries(structs.map((name) => [name, members])) };
  return new ContentsWriter(BLENDER_3_4, table).end();
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reader-memory-'));
  await writeFile(join(folder, 'read.js'), (await bundleText(READ)).code);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function expectLittle(file: string, kinds: Readonly<Record<string, string>>): Promise<void> {
  for (const [kind, expected] of Object.entries(kinds)) {
    const { stdout } = await run(process.execPath, [join(folder, 'read.js'), pathToFileURL(file).href, kind]);
    const { end, megabytes }: { end: string; megabytes: number } = JSON.parse(stdout);
    expect([kind, end]).toEqual([kind, expected]);
    expect(megabytes).toBeLessThan(MOST_MEGABYTES);
  }
}

describe('a process that reads a scene takes less than 128 MB, all of Node in it,', () => {
  // The worst of each kind, and what the facts and the contents of it end with.
  const worst: ReadonlyArray<[string, Readonly<Record<string, string>>, () => Buffer]> = [
    [
      '100 MB of small blocks',
      { facts: 'incomplete', contents: 'whole', 'local facts': 'whole', 'local contents': 'whole' },
      () => scene().raw(SMALL).end(),
    ],
    [
      'gzip of 39 MB',
      { facts: 'whole', contents: 'whole', 'local contents': 'whole' },
      () => gzipSync(noise(39), { level: 0 }),
    ],
    [
      'gzip of 37 MB, and half a million structs behind them',
      { contents: 'incomplete' },
      () =>
        gzipSync(
          new ContentsWriter()
            .block('DATA', randomBytes(37 * MIB))
            .raw(many(BUSY, 45_000))
            .end(),
          { level: 1 },
        ),
    ],
    [
      'a bomb of gzip',
      { facts: 'too-large' },
      () => Buffer.concat([gzipSync(scene().bytes()), many(gzipSync(Buffer.alloc(MIB)), 1100)]),
    ],
    [
      'a bomb of zstd',
      { facts: 'too-large' },
      () => Buffer.concat([storedFrame(scene().bytes()), bombFrame(10_000)]),
    ],
    [
      'gzip of 70 MB',
      { contents: 'incomplete', 'local facts': 'whole', 'local contents': 'whole' },
      () => gzipSync(noise(70), { level: 0 }),
    ],
    [
      'zstd without a seek table',
      { facts: 'whole', contents: 'incomplete', 'local contents': 'whole' },
      () => storedFrame(noise(50)),
    ],
    [
      // Names of 8,000 scenes and of what is in them are more than is kept beside a packed file.
      'zstd with the largest window, and structs in it',
      { contents: 'incomplete' },
      () =>
        largeWindow(
          storedFrame(
            new ContentsWriter()
              .block('DATA', randomBytes(15 * MIB))
              .raw(many(BUSY, 8000))
              .end(),
          ),
        ),
    ],
    [
      'small frames of zstd without a seek table',
      { contents: 'whole' },
      () => Buffer.concat(storedFrames(noise(38), 4096).frames),
    ],
    [
      'the smallest frames behind a seek table, half unpacked',
      { contents: 'whole' },
      () =>
        halvedFrames(
          scene()
            .raw(SMALL.subarray(0, 50_000 * 1024))
            .end(),
        ),
    ],
    [
      'as many scenes as fit',
      { facts: 'too-large' },
      () => {
        const writer = new BlendWriter().struct('GLOB', 'FileGlobal', {});
        for (let index = 0; index < 5000; index++) writer.scene(`S${index}`, { 'r.pic': 'x'.repeat(1000) });
        return writer.end();
      },
    ],
    [
      '60 MB of paths in zstd',
      { contents: 'incomplete', 'local contents': 'incomplete' },
      () => seekableZstd(new ContentsWriter().raw(images(56_000)).end(), 2 * MIB),
    ],
    ['structs of 50,000 members', { contents: 'bad-sdna' }, manyMembers],
  ];
  const usual = ['zstd without a seek table', 'structs of 50,000 members'];
  test.each(fewOrAll('reader', worst, ([name]) => usual.includes(name)))(
    'for %s',
    async (_, kinds, bytes) => {
      const file = join(folder, 'scene.blend');
      await writeFile(file, bytes());
      await expectLittle(file, kinds);
    },
    240_000,
  );

  test('for a sparse file of 5 GB', async () => {
    const file = join(folder, 'sparse.blend');
    const head = new BlendWriter(BLENDER_5_0)
      .scene('A')
      .block('ME', new Uint8Array(0), { length: BigInt(5 * GIB) })
      .bytes();
    const tail = new BlendWriter(BLENDER_5_0).end().subarray(17);
    const handle = await open(file, 'w');
    await handle.write(head, 0, head.length, 0);
    await handle.write(tail, 0, tail.length, head.length + 5 * GIB);
    await handle.close();
    await expectLittle(file, { facts: 'whole', contents: 'whole', 'local contents': 'whole' });
  });
});
