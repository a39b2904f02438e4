import { Interruption } from '../../../../../container/worker/context';
import { Shower, stillsArgs } from '../../../../../container/worker/video/showcase';
import { Render } from '../../../../../core/render/render';
import { MemoryStorage } from '../../../../support/memory-storage';
import { frameUrl } from '../../../../support/render-urls';
import { useScratchFolder } from '../../../../support/scratch-folder';

const wanted = { numbers: true, sheet: '/f/sheet.jpg', poster: '/f/poster.jpg' };

/** The filter graph for these tiles. */
function graphOf(tiles: number[], numbers = true): string {
  const args = stillsArgs('/f/frames', { ...wanted, tiles, numbers }, {});
  return args[args.indexOf('-filter_complex') + 1]!;
}

test('the contact sheet of a few frames has no empty columns', () => {
  expect(graphOf([1, 2, 3])).toContain('tile=3x1');
});

test('the contact sheet has no numbers if ffmpeg cannot draw text', () => {
  expect(graphOf([1, 2, 3], false)).not.toContain('drawtext');
});

test('the numbers of the contact sheet follow the order of the pictures', () => {
  expect(graphOf([-4, 10, 25])).toContain('eq(n,0)*-4+eq(n,1)*10+eq(n,2)*25');
});

test('the poster is the picture after those of the contact sheet', () => {
  expect(graphOf([1, 2, 3])).toContain("[b]select='eq(n,3)'");
});

test('the arguments for a still make no contact sheet', () => {
  const args = stillsArgs('/f/frames', { ...wanted, tiles: [] }, {});
  expect(args).not.toContain(wanted.sheet);
  expect(args.at(-1)).toBe(wanted.poster);
});

describe('Shower', () => {
  const at = useScratchFolder();

  test('join stops between downloads', async () => {
    const [storage, stop] = [new MemoryStorage(), new AbortController()];
    const folder = new URL('memory://films/out/');
    const frames = Array.from({ length: 17 }, (_, index) => index + 1);
    for (const frame of frames) await storage.put(frameUrl(folder, frame), 'frame');
    const get = jest.spyOn(storage, 'get');
    get.mockImplementation(async () => {
      stop.abort(new Interruption('stopped by SIGINT', 0));
      return Buffer.from('frame');
    });
    const shower = new Shower(at('.'), {
      storage,
      // Any program will do, as none is started.
      environment: { SPOTREEL_FFMPEG: process.execPath, SPOTREEL_SANDBOX: 'off' },
      scratch: { blender: at('b'), saved: at('s'), ffmpeg: at('f'), own: at('o') },
      signal: stop.signal,
      say: () => undefined,
      now: () => new Date(0),
    });
    await expect(shower.join(frames, Render.in(folder, storage))).rejects.toThrow('stopped by SIGINT');
    expect(get).toHaveBeenCalledTimes(4);
  });
});
