import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isFileOutput, MOST_OUTPUTS, outputUrl, type FileOutput } from '../../core/contract/file-outputs';
import { contentTypeOf, pictureEndingOf, type PictureEnding } from '../../core/contract/picture-endings';
import { printableName } from '../../core/printable';
import type { Resolution } from '../../core/render/resolution';
import type { Storage } from '../../core/storage/storage';
import { pictureFault } from './master-fault';
import { mostOutputBytes } from './size-bounds';
import { takeCopy } from './take-file';

/** A file of a File Output node, where Blender left it. */
export interface SavedOutput extends FileOutput {
  readonly path: string;
}

/** The same, copied into the worker's own folder and checked. */
export interface TakenOutput extends FileOutput {
  readonly copy: string;
  readonly ending: PictureEnding;
}

/**
 * Copies the files of a frame's File Output nodes into `own` and checks each; its pictures may have any size in pixels. Gives what is
 * wrong with one of them, in words. Throws `unsafe-file`. The caller removes the copies with `removeTaken`.
 */
export async function takeOutputs(
  outputs: readonly SavedOutput[],
  { own, resolution }: { readonly own: string; readonly resolution: Resolution },
): Promise<{ readonly taken: readonly TakenOutput[] } | { readonly fault: string }> {
  if (outputs.length > MOST_OUTPUTS || !outputs.every(isFileOutput))
    return {
      fault:
        'Blender reported files of File Output nodes with names or in a number that Spotreel does not keep',
    };
  const taken: TakenOutput[] = [];
  for (const output of outputs) {
    const { node, file, path } = output;
    const name = `file "${printableName(file)}" of File Output node "${printableName(node)}"`;
    const ending = pictureEndingOf(file);
    if (!ending) return { fault: `Blender saved ${name}, which is not of a kind that Spotreel can check` };
    const copy = copyOf(output, own);
    await takeCopy({ path, writer: 'Blender', name, mostBytes: mostOutputBytes(resolution) }, copy);
    const fault = await pictureFault(copy, ending);
    if (fault !== undefined) return { fault: `Blender saved a bad ${name}: ${fault}` };
    taken.push({ node, file, copy, ending });
  }
  return { taken };
}

/** Stores the files of a frame, each whole. */
export async function storeOutputs(
  taken: readonly TakenOutput[],
  folder: URL,
  storage: Storage,
): Promise<void> {
  for (const output of taken) {
    const options = { contentType: contentTypeOf(output.ending), durable: true };
    await storage.upload(output.copy, outputUrl(folder, output), options);
  }
}

/** Removes the copies of a frame's files from the worker's own folder, whether they were made or not. */
export async function removeTaken(outputs: readonly SavedOutput[], own: string): Promise<void> {
  for (const output of outputs) await rm(copyOf(output, own), { force: true });
}

const copyOf = ({ path }: SavedOutput, own: string): string => join(own, basename(path));
