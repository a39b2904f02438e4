import { StringDecoder } from 'node:string_decoder';

/** The first bytes of a text as UTF-8, without a character that was cut in two, and how many bytes were dropped after them. */
export function cutBytes(kept: Uint8Array, droppedBytes: number): string {
  const text = new StringDecoder('utf8').write(Buffer.from(kept.buffer, kept.byteOffset, kept.byteLength));
  return `${text}… [Spotreel dropped ${droppedBytes} bytes]`;
}

/** The text if it has at most `mostBytes` in UTF-8; else its beginning, with a note. */
export function cutText(text: string, mostBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= mostBytes) return text;
  return cutBytes(bytes.subarray(0, mostBytes), bytes.length - mostBytes);
}
