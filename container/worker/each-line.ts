import type { Readable } from 'node:stream';
import { LineSplitter } from '../../core/line-splitter';

/** Calls `listener` for each line of a program's output, cut by `LineSplitter`; resolves at its end, or when the stream is destroyed. */
export async function eachLine(stream: Readable | null, listener: (line: string) => void): Promise<void> {
  if (!stream) return;
  const lines = new LineSplitter(listener);
  // A pipe that breaks with its process says nothing that the process's end does not.
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Uint8Array) => lines.push(chunk));
  await new Promise((ended) => {
    stream.once('end', ended);
    stream.once('close', ended);
  });
  lines.end();
}
