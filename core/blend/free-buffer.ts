import { MessageChannel, type MessagePort } from 'node:worker_threads';

let nobody: MessagePort | undefined;

/**
 * Frees the memory of a buffer at once, if `bytes` are all of it: nothing may look at them any more, they are of length 0
 * from now on. V8 frees a buffer that nobody has any more when it collects garbage, and lets some 32 MB of young ones come
 * together before that. So it is transferred, which takes it from its owner, to a port that is closed, where it ends.
 */
export function freeBuffer({ buffer, byteLength }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength !== byteLength) return;
  if (nobody === undefined) {
    nobody = new MessageChannel().port1;
    nobody.close();
  }
  nobody.postMessage(undefined, [buffer]);
}
