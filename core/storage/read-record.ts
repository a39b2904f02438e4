import { parseJson, type Schema } from '../contract/parse-json';
import { messageOf } from '../errors';
import { denialReason } from './file-error';
import { formatLocation } from './location';
import { StorageError, type Storage } from './storage';

/** A small object as it was found: what it holds, or why it cannot be used. Both are absent where there is none. */
export interface FoundRecord<T> {
  readonly record?: T;
  /** In one line, without the object's name. */
  readonly damage?: string;
}

/** A small object; `undefined` where it is not there, or is not what it should be. */
export async function readRecord<T>(schema: Schema<T>, url: URL, storage: Storage): Promise<T | undefined> {
  return (await findRecord(schema, url, storage)).record;
}

/** The same for who reports damage. A file of this machine that may not be read counts as damaged. */
export async function findRecord<T>(schema: Schema<T>, url: URL, storage: Storage): Promise<FoundRecord<T>> {
  try {
    return { record: parseJson(schema, await storage.get(url), (reason) => new SyntaxError(reason)) };
  } catch (error) {
    if (error instanceof SyntaxError) return { damage: messageOf(error) };
    if (!(error instanceof StorageError)) throw error;
    if (error.code === 'not-found') return {};
    if (error.code === 'denied' && url.protocol === 'file:') return { damage: denialReason(error) };
    throw error;
  }
}

/** `status.json is damaged (it is no JSON)`, for people. */
export function describeDamage(url: URL, damage: string): string {
  return `${formatLocation(url)} is damaged (${damage})`;
}
