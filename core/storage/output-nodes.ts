import { isFileOutput, outputsFolder } from '../contract/file-outputs';
import type { Storage } from './storage';

/** Folders of File Output nodes that a render has files of, sorted; one request for each 1,000 nodes. */
export async function outputNodes(render: URL, storage: Storage): Promise<string[]> {
  const nodes: string[] = [];
  for await (const { name, object, fault } of storage.listFolder(outputsFolder(render))) {
    if (!object && fault === undefined && isFileOutput({ node: name, file: 'a' })) nodes.push(name);
  }
  return nodes.toSorted();
}
