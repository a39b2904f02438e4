import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { preflight } from '../../../../../core/scene/findings/preflight';
import { readColorConfig, settleColorConfig } from '../../../../../core/scene/project/examine';
import { projectRootOf, segmentsOf, watchRootOf } from '../../../../../core/scene/project/paths';
import { judgeUploads } from '../../../../../core/scene/project/uploads';
import { walkDependencies } from '../../../../../core/scene/project/examine';
import { FileStorage } from '../../../../../core/storage/file-storage';
import { fileUrl } from '../../../../../core/storage/storage';
import { contents, facts, readJsonContents } from '../../../../support/made-scenes';
import { useScratchFolder } from '../../../../support/scratch-folder';

const at = useScratchFolder();
const storage = new FileStorage();
const CONFIG = `ocio_profile_version: 2.1
search_path: luts:extra
displays:
  sRGB:
    - !<View> {name: Studio, colorspace: Show}
colorspaces:
  - !<ColorSpace> {from_reference: !<FileTransform> {src: show.cube}}
`;

function write(path: string, content: string | Uint8Array = 'LUT_3D_SIZE 2\n'): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), content);
}

/** What `submit` finds of `film/shots/shot.blend` with a view and the configuration at `ocio`. */
async function submit(ocio: string, view = 'Studio', blender = { major: 5, minor: 2 }) {
  const url = fileUrl(at('film/shots/shot.blend'));
  const root = projectRootOf(url);
  const colorConfig = await readColorConfig(ocio, url, root, storage);
  const held = contents(colorConfig.dependencies);
  const project = settleColorConfig(
    await walkDependencies(url, held, { storage, root, readContents: readJsonContents }),
    colorConfig,
  );
  const scene = facts({ colors: { display: 'sRGB', view, look: 'None' } });
  const scenePath = segmentsOf(url, root).join('/');
  const examination = { facts: scene, contents: held, project, scenePath, colorConfig };
  const judged = await judgeUploads(examination, new URL('.', url), storage);
  const input = { file: 'shot.blend', options: { ocio }, place: 'farm', hasDisplay: false, blender } as const;
  const checked = preflight(judged.examination, input);
  return {
    outside: judged.outside.map(({ path }) => path),
    files: checked.files.map(({ url: file }) => file),
    findings: checked.findings.map(({ severity, code, message }) => `${severity} ${code}: ${message}`),
  };
}

test('a configuration travels only with the colour files of its search paths', async () => {
  write('film/shots/colors/config.ocio', CONFIG);
  write('film/shots/colors/luts/show.cube');
  write('film/shots/colors/luts/notes.txt');
  write('film/shots/colors/other.cube');
  expect(await submit('//colors/config.ocio')).toEqual({
    outside: [],
    files: [at('film/shots/colors/config.ocio'), at('film/shots/colors/luts/show.cube')],
    findings: [],
  });
});

test('a configuration outside the folder of the scene needs confirmation', async () => {
  write('film/colors/config.ocio', CONFIG);
  write('film/colors/extra/show.cube');
  const files = [at('film/colors/config.ocio'), at('film/colors/extra/show.cube')];
  expect(await submit('//../colors/config.ocio')).toEqual({ outside: files, files, findings: [] });
});

test('hidden files and other files than colours are never uploaded', async () => {
  write('film/shots/colors/config.ocio', CONFIG.replace('show.cube', '../key.pem').replace('extra', '.git'));
  write('film/shots/colors/key.pem', 'secret');
  write('film/shots/colors/.git/show.cube');
  write('film/shots/colors/luts/show.cube');
  const { files, findings } = await submit('//colors/config.ocio');
  expect(files).toEqual([at('film/shots/colors/config.ocio'), at('film/shots/colors/luts/show.cube')]);
  expect(findings).toEqual([
    expect.stringMatching(/^error upload-refused: .*is hidden/),
    expect.stringMatching(/^error upload-refused: .*key\.pem.*ends like no file of its kind/),
  ]);
});

test('a missing file of the configuration is one warning', async () => {
  write('film/shots/colors/config.ocio', CONFIG);
  const { findings } = await submit('//colors/config.ocio');
  expect(findings).toEqual([
    expect.stringMatching(/^warning ocio-missing: .*needs \/\/colors\/luts\/show\.cube, which is missing/),
  ]);
});

test('a view that the configuration lacks is an error', async () => {
  write('film/shots/config.ocio', 'ocio_profile_version: 2\n');
  const { findings } = await submit('//config.ocio', 'Filmic');
  expect(findings).toEqual([
    expect.stringMatching(/^error view-missing: view "Filmic" is missing in the OCIO configuration /),
  ]);
});

test('an archive is one file, and needs Blender 3.5', async () => {
  write('film/shots/studio.ocioz', 'PK\u0003\u0004');
  const files = [at('film/shots/studio.ocioz')];
  expect(await submit('//studio.ocioz')).toEqual({ outside: [], files, findings: [] });
  const { findings } = await submit('//studio.ocioz', 'Studio', { major: 3, minor: 4 });
  expect(findings).toEqual([expect.stringMatching(/^error ocio-too-new: .* needs Blender 3\.5 or newer/)]);
});

test('a built-in configuration needs no file', async () => {
  expect(await submit('ocio://cg-config-latest')).toEqual({ outside: [], files: [], findings: [] });
});

test.each([
  ['//gone.ocio', 'is missing'],
  ['//notes.ocio', 'is not an OCIO configuration: it has no ocio_profile_version'],
  ['//notes.ocioz', 'is not an OCIO archive'],
])('%s is refused: it %s', async (ocio, fault) => {
  write('film/shots/notes.ocio', 'colours');
  write('film/shots/notes.ocioz', 'colours');
  await expect(submit(ocio)).rejects.toMatchObject({
    code: 'bad-ocio',
    kind: 'usage',
    message: expect.stringContaining(fault),
  });
});

describe('in a watch folder', () => {
  const KEY = 'uploads/film/shot.blend';
  const read = (ocio: string) => {
    const scene = fileUrl(at(KEY));
    return readColorConfig(ocio, scene, watchRootOf(fileUrl(`${at()}/`), KEY), storage);
  };

  test('a configuration of the project is accepted', async () => {
    write('uploads/film/colors/config.ocio', CONFIG);
    await expect(read('//colors/config.ocio')).resolves.toMatchObject({ text: CONFIG });
  });

  test('a configuration that names files of other projects is refused', async () => {
    write('uploads/film/config.ocio', CONFIG.replace('show.cube', '../other/secret.cube'));
    await expect(read('//config.ocio')).rejects.toMatchObject({ code: 'outside-upload', kind: 'scene' });
  });

  test('a configuration of another project is refused, also by a link', async () => {
    write('uploads/other/config.ocio', CONFIG);
    write('uploads/film/readme.txt');
    symlinkSync(at('uploads/other/config.ocio'), at('uploads/film/link.ocio'));
    await expect(read('//../other/config.ocio')).rejects.toMatchObject({ code: 'bad-ocio' });
    await expect(read('//link.ocio')).rejects.toMatchObject({ code: 'outside-upload' });
  });
});
