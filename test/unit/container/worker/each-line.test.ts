import { PassThrough } from 'node:stream';
import { eachLine } from '../../../../container/worker/each-line';

test('eachLine resolves when a stream is destroyed before its end', async () => {
  const stream = new PassThrough();
  const lines: string[] = [];
  const heard = eachLine(stream, (line) => lines.push(line));
  stream.write('one\ntwo\n');
  await new Promise(setImmediate);
  stream.destroy();
  await heard;
  expect(lines).toEqual(['one', 'two']);
});
