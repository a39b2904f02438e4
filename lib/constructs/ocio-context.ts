import { appendFileSync, copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { isOcioConfig, LUT_ENDINGS, ocioFiles, ocioNeeds } from '../../core/contract/ocio-config';
import { SettingsError } from '../config';

const COLOR_FILE = new RegExp(`[^/]\\.(?:ocio|icc|icm|${LUT_ENDINGS.replaceAll(' ', '|')})$`, 'i');

/** Where images have it. */
const FOLDER_IN_IMAGE = '/opt/spotreel/ocio';

/**
 * Adds the OpenColorIO configuration at `path` to an image's context at `folder`, with all colour files below its folder, and has the
 * image name it in `OCIO`. Throws `SettingsError` for one that is missing or none, and where it names files outside its folder.
 */
export function addOcio(path: string, folder: string): void {
  const isArchive = /z$/i.test(path);
  const content = read(path);
  if (isArchive ? content.toString('latin1', 0, 2) !== 'PK' : !isOcioConfig(content.toString()))
    throw wrong(path, isArchive ? 'it is no OCIO archive' : 'it is no OCIO configuration');
  const files = isArchive ? [] : colorFilesBeside(path, content.toString());
  for (const file of [path, ...files]) {
    const target = join(folder, 'ocio', relative(dirname(path), file));
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(file, target);
  }
  const variable = JSON.stringify(`${FOLDER_IN_IMAGE}/${basename(path)}`).replaceAll('$', '\\$');
  const lines = `\nCOPY ocio ${FOLDER_IN_IMAGE}/\nENV OCIO=${variable}\n`;
  appendFileSync(join(folder, 'Dockerfile'), lines);
}

/** Colour files below the folder of the configuration, hidden ones left out; none for one that names no files. */
function colorFilesBeside(path: string, text: string): string[] {
  const { folders, files } = ocioNeeds(`//${basename(path)}`, ocioFiles(text));
  const named = [...folders, ...[...files.values()].flat()];
  const outside = named.find((one) => !one.startsWith('//') || /^\/\/\.\.(?:\/|$)/.test(one));
  if (outside !== undefined)
    throw wrong(
      path,
      `it names ${outside.replace(/^\/\//, '')}, which is outside its folder; make an archive of it (ocioarchive), or move the file`,
    );
  if (named.length === 0) return [];
  return readdirSync(dirname(path), { recursive: true, withFileTypes: true })
    .map((entry) => ({ entry, file: join(entry.parentPath, entry.name) }))
    .filter(({ entry, file }) => entry.isFile() && file !== path && COLOR_FILE.test(file))
    .map(({ file }) => file)
    .filter(
      (file) =>
        !relative(dirname(path), file)
          .split('/')
          .some((name) => name.startsWith('.')),
    );
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw wrong(path, `it cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const wrong = (path: string, why: string): SettingsError =>
  new SettingsError(`wrong settings:\n  ocio is ${JSON.stringify(path)}: ${why}`);
