import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { FileStorage } from '../../../../core/storage/file-storage';
import { realPlace } from '../../../../core/storage/file-writes';
import { QuickDisk, QuickFileStorage } from '../../../../core/storage/quick-files';
import { fileUrl, type FolderEntry, type Storage } from '../../../../core/storage/storage';
import { useScratchFolder } from '../../../support/scratch-folder';

const at = useScratchFolder();

/** A disk that has taken so many milliseconds for each of its first calls. */
class TriedDisk extends QuickDisk {
  constructor(milliseconds: number) {
    super();
    const now = jest.spyOn(performance, 'now');
    for (let call = 0; call < 64; call += 1) {
      now.mockReturnValueOnce(0).mockReturnValueOnce(milliseconds);
      this.timed(() => undefined);
    }
    now.mockRestore();
  }
}

beforeEach(() => {
  writeFileSync(at('wood.png'), 'wood');
  mkdirSync(at('folder'));
  symlinkSync(at('wood.png'), at('link.png'));
  symlinkSync(at('nowhere'), at('lost.png'));
});

test.each([
  [0.1, true],
  [0.9, false],
])('QuickDisk with %s ms a call is quick: %s', (milliseconds, isQuick) => {
  expect(new TriedDisk(milliseconds).isQuick).toBe(isQuick);
});

describe.each([0.1, 0.9])('QuickDisk with %s ms a call', (milliseconds) => {
  it.each(['wood.png', 'link.png', 'lost.png', 'folder', 'missing'])(
    'gives the real place of %s',
    async (name) => {
      const url = fileUrl(at(name));
      expect(await new TriedDisk(milliseconds).realPlace(url)).toEqual(await realPlace(url));
    },
  );

  it('gives the place in a bucket as it is', async () => {
    const url = new URL('s3://films/wood.png');
    expect(await new TriedDisk(milliseconds).realPlace(url)).toBe(url);
  });

  it.each(['wood.png', 'link.png', 'folder'])('gives the properties of %s', async (name) => {
    const { mtimeNs, ino, size } = await stat(at(name), { bigint: true });
    expect(await new TriedDisk(milliseconds).stats(at(name))).toMatchObject({ mtimeNs, ino, size });
  });

  it.each(['lost.png', 'missing', 'wood.png/below'])('gives no properties of %s', async (name) => {
    expect(await new TriedDisk(milliseconds).stats(at(name))).toBeUndefined();
  });
});

test('QuickFileStorage lists a folder as FileStorage does', async () => {
  const entriesBy = async (storage: Storage): Promise<FolderEntry[]> => {
    const entries: FolderEntry[] = [];
    for await (const entry of storage.listFolder(fileUrl(at('.')))) entries.push(entry);
    return entries;
  };
  const listed = await entriesBy(new QuickFileStorage());
  expect(listed).toEqual(await entriesBy(new FileStorage()));
  expect(listed.map(({ name }) => name).toSorted()).toEqual(['folder', 'link.png', 'lost.png', 'wood.png']);
});
