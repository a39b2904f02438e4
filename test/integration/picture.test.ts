import { crc32 } from 'node:zlib';
import { PNG } from 'pngjs';
import { PictureView } from '../../cli/picture';
import { findProgram } from '../../container/worker/programs';
import { MemoryStorage } from '../support/memory-storage';

jest.setTimeout(180_000);

const FRAMES = new URL('memory://films/renders/shot/frames/');

function picture(width: number, height: number): Buffer {
  const png = new PNG({ width, height });
  png.data.fill(0x80);
  return PNG.sync.write(png);
}

/** The same picture with so many bytes more in it, which no reader looks at. */
function padded(png: Buffer, bytes: number): Buffer {
  const chunk = Buffer.alloc(bytes + 12);
  chunk.writeUInt32BE(bytes);
  chunk.write('teSt', 4);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, -4)), bytes + 8);
  // Before the last chunk, which is 12 bytes long.
  return Buffer.concat([png.subarray(0, -12), chunk, png.subarray(-12)]);
}

function view() {
  let [written, at] = ['', 0];
  const storage = new MemoryStorage();
  const write = (text: string): void => void (written += text);
  const ffmpeg = findProgram('ffmpeg', process.env);
  const pictures = new PictureView({ write, protocol: 'iterm2', ffmpeg, storage, now: () => at });
  const look = async (name: string, bytes: Uint8Array, seconds: number) => {
    at = seconds * 1000;
    written = '';
    await storage.put(new URL(name, FRAMES), bytes);
    pictures.offer(new URL(name, FRAMES));
    await pictures.fetching;
    pictures.draw(() => (written += '(line)'));
    return written;
  };
  return { look };
}

/** The text before the picture, and the picture. */
function sent(written: string) {
  const [before, rest = ''] = written.split('\x1b7\x1b[10A\r\x1b]1337;File=');
  const [base64, after] = rest.slice(rest.indexOf(':') + 1).split('\x07');
  expect(after).toBe('\x1b8');
  return { before, png: PNG.sync.read(Buffer.from(base64!, 'base64')) };
}

test('watch shows the newest frame in one place, at most every 10 seconds', async () => {
  const { look } = view();
  const first = sent(await look('0001.png', picture(720, 405), 0));
  expect(first.before).toBe(`(line)${'\n'.repeat(10)}`);
  expect([first.png.width, first.png.height]).toEqual([640, 360]);
  expect([...first.png.data.subarray(0, 3)]).toEqual([0x80, 0x80, 0x80]);
  expect(await look('0002.png', picture(64, 36), 9)).toBe('');
  const second = sent(await look('0003.png', picture(64, 36), 10));
  expect(second.before).toBe('');
  expect([second.png.width, second.png.height]).toEqual([64, 36]);
  expect(await look('0003.png', picture(64, 36), 30)).toBe('');
});

test('watch waits longer after a large frame of a bucket', async () => {
  const { look } = view();
  const bytes = padded(picture(64, 36), 2_000_000);
  expect(await look('0001.png', bytes, 0)).not.toBe('');
  expect(await look('0002.png', picture(64, 36), 14)).toBe('');
  expect(await look('0003.png', picture(64, 36), 60)).not.toBe('');
});

test('watch skips a frame that is too large or not a whole PNG', async () => {
  const { look } = view();
  const good = picture(64, 36);
  const flipped = Buffer.from(good);
  flipped[50]! ^= 1;
  const huge = Buffer.from(good);
  huge.writeUInt32BE(60_000, 16);
  huge.writeUInt32BE(60_000, 20);
  huge.writeUInt32BE(crc32(huge.subarray(12, 29)), 29);
  const bad = [Buffer.from('\x1b]0;no picture\x07'), good.subarray(0, 60), flipped, huge, Buffer.alloc(0)];
  for (const [i, bytes] of bad.entries())
    expect([i, await look(`000${i + 1}.png`, bytes, i * 100)]).toEqual([i, '']);
  expect(sent(await look('0009.png', good, 1000)).png.width).toBe(64);
});
