import { formatLocation } from './location';
import { StorageError } from './storage';

/** A write with `ifMatch` that found another version than the wanted one, or none. */
export function changedMeanwhile(url: URL, cause?: unknown): StorageError {
  const message = `${formatLocation(url)} was changed by another writer meanwhile: read it again`;
  return new StorageError('changed', url, message, { cause });
}
