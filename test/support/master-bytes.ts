import type { MasterBytes } from '../../container/worker/frames/saved-files';

/** Bytes as the checks of masters read them. */
export function bytesOf(bytes: Uint8Array): MasterBytes {
  return {
    size: bytes.length,
    read: async (offset, length) => bytes.subarray(offset, offset + length),
  };
}

/** Lengths of the beginnings of a file in which `fault` finds no fault. */
export async function wholeBeginnings(
  file: Uint8Array,
  fault: (bytes: Uint8Array) => Promise<string | undefined>,
): Promise<number[]> {
  const whole: number[] = [];
  for (let length = 0; length < file.length; length++) {
    if ((await fault(file.subarray(0, length))) === undefined) whole.push(length);
  }
  return whole;
}
