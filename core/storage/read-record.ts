import { parseJson, type Schema } from '../contract/parse-json';
import { StorageError, type Storage } from './storage';

/** A small object; `undefined` where it is not there, or is not what it should be. */
export async function readRecord<T>(schema: Schema<T>, url: URL, storage: Storage): Promise<T | undefined> {
  try {
    return parseJson(schema, await storage.get(url), (reason) => new SyntaxError(reason));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    if (error instanceof StorageError && error.code === 'not-found') return undefined;
    throw error;
  }
}
