import { MessageChannel, type MessagePort } from 'node:worker_threads';

let nobody: MessagePort | undefined;

/**
 * Frees the memory of the buffer that ends with `bytes` at once; does nothing where it goes on behind them. Nothing may look
 * at any part of it any more: it is of length 0 from now on. V8 frees a buffer that nobody has any more when it collects
 * garbage, and lets some 32 MB of young ones come together before that. So it is transferred, which takes it from its owner,
 * to a port that is closed, where it ends.
 */
export function freeBuffer({ buffer, byteOffset, byteLength }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength !== byteOffset + byteLength) return;
  if (nobody === undefined) {
    nobody = new MessageChannel().port1;
    nobody.close();
  }
  nobody.postMessage(undefined, [buffer]);
}
