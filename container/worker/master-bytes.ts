import type { ByteSource } from '../../core/storage/storage';

/** A master file that is read piece by piece. */
export type MasterBytes = Pick<ByteSource, 'size' | 'read'>;
