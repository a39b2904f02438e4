import { writeFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import type { WorkerContext } from '../../../../../container/worker/context';
import type { MadeVideo } from '../../../../../container/worker/video/encode';
import type { Showcase, Stills } from '../../../../../container/worker/video/showcase';
import { stitch } from '../../../../../container/worker/video/stitch';
import type { Manifest } from '../../../../../core/render/manifest';
import { MemoryStorage } from '../../../../support/memory-storage';
import { frameUrl, manifestUrl, partialVideoUrl, videoUrl } from '../../../../support/render-urls';
import { useScratchFolder } from '../../../../support/scratch-folder';
import { manifestFor } from '../../../../support/stored-render';

/** In place of ffmpeg. */
const mockMakeVideo = jest.fn<Promise<MadeVideo>, []>();
const mockMakeStills = jest.fn<Promise<Stills>, [unknown, WorkerContext]>();
const mockShowRender = jest.fn<Promise<void>, [Showcase]>();
jest.mock('../../../../../container/worker/video/encode', () => ({
  ...jest.requireActual<object>('../../../../../container/worker/video/encode'),
  makeVideo: () => mockMakeVideo(),
}));
jest.mock('../../../../../container/worker/video/showcase', () => ({
  ...jest.requireActual<object>('../../../../../container/worker/video/showcase'),
  makeStills: (wanted: unknown, context: WorkerContext) => mockMakeStills(wanted, context),
  showRender: (showcase: Showcase) => mockShowRender(showcase),
}));

const at = useScratchFolder();
const FOLDER = new URL('memory://films/out/');
const STILLS: Stills = { poster: true, contactSheet: true };

let storage: MemoryStorage;
/** What happened, in order. */
let events: string[];
beforeEach(() => {
  storage = new MemoryStorage();
  events = [];
  mockMakeVideo.mockReset().mockImplementation(async () => {
    await turn();
    events.push('video');
    return video();
  });
  mockMakeStills.mockReset().mockImplementation(async () => {
    events.push('stills');
    return STILLS;
  });
  mockShowRender.mockReset().mockImplementation(async ({ stills }) => void (await stills));
});

function video(changes: Partial<MadeVideo> = {}): MadeVideo {
  writeFileSync(at('output.mp4'), 'video');
  return { path: at('output.mp4'), hasPreview: false, findings: [], lacks: [], ...changes };
}

/** Stitches a film of two frames. */
async function stitchFilm(changes: Partial<Manifest> = {}): Promise<void> {
  const manifest = manifestFor('out', 2, changes);
  await storage.put(manifestUrl(FOLDER), JSON.stringify(manifest));
  for (const frame of [1, 2]) await storage.put(frameUrl(FOLDER, frame), 'frame');
  await stitch(
    { command: 'stitch', input: FOLDER.href, output: FOLDER.href },
    {
      storage,
      environment: {},
      scratch: { blender: at('.'), saved: at('.'), ffmpeg: at('.'), own: at('.') },
      signal: new AbortController().signal,
      say: () => undefined,
      now: () => new Date(0),
    },
  );
}

/** Stills that take until their signal is aborted. */
async function endlessStills(_: unknown, { signal }: WorkerContext): Promise<Stills> {
  signal.throwIfAborted();
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      events.push('stills stopped');
      reject(new Error('it was stopped'));
    });
  });
}

test('stitch makes the stills of a small film beside the encoder, once', async () => {
  await stitchFilm();
  expect(events).toEqual(['stills', 'video']);
  expect(mockShowRender).toHaveBeenCalledTimes(1);
});

test.each([
  [3840, 2160, ['stills', 'video']],
  [3841, 2160, ['video', 'stills']],
])('stitch makes the stills of %i x %i pixels in the order %j', async (width, height, order) => {
  await stitchFilm({ resolution: { width, height } });
  expect(events).toEqual(order);
});

test('stitch makes stills again after the encoder if they failed beside it', async () => {
  mockMakeStills.mockRejectedValueOnce(new Error('killed'));
  await stitchFilm();
  expect(events).toEqual(['video', 'stills']);
  expect(await mockShowRender.mock.calls[0]![0].stills).toEqual(STILLS);
});

test('stitch shows the stills of a video that lacks only sound, and makes no others', async () => {
  mockMakeVideo.mockImplementation(async () => video({ lacks: ['a file is missing'] }));
  await stitchFilm();
  expect(await storage.head(partialVideoUrl(FOLDER))).toBeDefined();
  expect(await mockShowRender.mock.calls[0]![0].stills).toEqual(STILLS);
  expect(mockMakeStills).toHaveBeenCalledTimes(1);
});

test('stitch stops the stills if the video cannot be stored', async () => {
  mockMakeStills.mockImplementation(endlessStills);
  const upload = jest.spyOn(storage, 'upload').mockRejectedValue(new Error('no network'));
  await expect(stitchFilm()).rejects.toThrow('no network');
  expect(upload.mock.calls[0]![1]).toEqual(videoUrl(FOLDER));
  expect(events[1]).toBe('stills stopped');
});

test('stitch stops the stills if the encoder fails', async () => {
  mockMakeStills.mockImplementation(endlessStills);
  mockMakeVideo.mockRejectedValue(new Error('no encoder'));
  await expect(stitchFilm()).rejects.toThrow('no encoder');
  expect(events).toEqual(['stills stopped']);
});
