import { StorageError } from '../../core/storage/storage';

/** The `StorageError` with which an attempt fails; anything else that it throws is thrown on. */
export async function failure(attempt: Promise<unknown>): Promise<StorageError> {
  const error: unknown = await attempt.then(
    () => new Error('nothing was thrown'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof StorageError) return error;
  throw error;
}
