import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** Calls `listener` for each line of a program's output; resolves at its end. */
export async function eachLine(stream: Readable | null, listener: (line: string) => void): Promise<void> {
  if (!stream) return;
  // A pipe that breaks with its process says nothing that the process's end does not.
  stream.on('error', () => undefined);
  for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) listener(line);
}
