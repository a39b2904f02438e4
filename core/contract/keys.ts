/**
 * Where everything of a render lies, as URLs below its folder `<output>/<renderId>/`. The same on a disk and in a
 * bucket. Names below it hold only ASCII letters, digits, `-`, `_` and `.`, so no such key needs escaping; a render id may have letters of every script.
 */

import { MASTER_ENDINGS, type MasterEnding } from './picture-endings';
import { DEFAULT_VIDEO, VIDEO_FILES, type VideoFormat } from './video-format';

/** The folder of a farm's bucket under which each render has its own. Not within uploads: a render must trigger none. */
export const OUTPUT_PREFIX = 'renders/';

/** The folder of a farm's bucket with what renders may cost: beside that of the renders, so that few objects are looked at. */
export const CAPS_PREFIX = 'caps/';

/** `url` as a folder: with a slash at the end. */
export function folderUrl(url: URL): URL {
  if (url.pathname.endsWith('/')) return url;
  const folder = new URL(url);
  folder.pathname += '/';
  return folder;
}

export function renderFolder(output: URL, renderId: string): URL {
  return new URL(`${renderId}/`, folderUrl(output));
}

/** The folder of the caps of all renders whose folders lie in `output`. */
export const capsFolder = (output: URL): URL => new URL(`../${CAPS_PREFIX}`, folderUrl(output));

/** What a render may cost; see `cost-cap.ts`. */
export function capUrl(render: URL): URL {
  const renderId = folderUrl(render).pathname.split('/').at(-2)!;
  return new URL(`../../${CAPS_PREFIX}${renderId}.json`, folderUrl(render));
}

export const manifestUrl = (render: URL): URL => below(render, 'manifest.json');
export const jobsUrl = (render: URL): URL => below(render, 'jobs.json');
export const CLAIM_NAME = 'submitting.json';
/** While somebody submits the jobs; see `core/batch/submit-claim.ts`. */
export const claimUrl = (render: URL): URL => below(render, CLAIM_NAME);
export const statusUrl = (render: URL): URL => below(render, 'status.json');
export const framesFolder = (render: URL): URL => below(render, 'frames/');
export const frameUrl = (render: URL, frame: number): URL => below(render, `frames/${frameName(frame)}`);
export const mastersFolder = (render: URL): URL => below(render, 'masters/');
/** A frame in the scene's own format, where that is kept beside the PNG. */
export const masterUrl = (render: URL, frame: number, ending: MasterEnding): URL =>
  below(render, `masters/${frameName(frame, ending)}`);
export const sliceReportUrl = (render: URL, index: number): URL => below(render, `slices/${index}.json`);
export const failuresFolder = (render: URL): URL => below(render, 'failures/');
export const failureUrl = (render: URL, frame: number): URL => below(render, `failures/${frame}.json`);
/** How long the making of the video took. */
export const stitchRecordUrl = (render: URL): URL => below(render, 'stitch.json');
/** What the render took, and what that comes to. */
export const receiptUrl = (render: URL): URL => below(render, 'receipt.json');
export const slicesFolder = (render: URL): URL => below(render, 'slices/');
/** `output.mp4`; another format has another ending. Of `none`, which has no file, never ask. */
export const videoUrl = (render: URL, video?: VideoFormat): URL => below(render, `output.${endingOf(video)}`);
/** The frame in the middle. */
export const posterUrl = (render: URL): URL => below(render, 'poster.jpg');
/** A frame that was rendered for an estimate, small. */
export const thumbnailUrl = (render: URL, frame: number): URL =>
  below(render, `thumbnails/${frameName(frame, 'jpg')}`);
/** Frames evenly spaced over the shot, with their numbers. */
export const contactSheetUrl = (render: URL): URL => below(render, 'contact-sheet.jpg');
/** The video, small. */
export const previewUrl = (render: URL): URL => below(render, 'preview.mp4');
export const reportUrl = (render: URL): URL => below(render, 'report.html');
/** The video of a render that lacks frames; what it lacks is in `gaps.json`. */
export const partialVideoUrl = (render: URL, video?: VideoFormat): URL =>
  below(render, `output.partial.${endingOf(video)}`);
/** What frames were rendered without. */
export const missingFilesUrl = (render: URL): URL => below(render, 'missing-files.json');
export const gapsUrl = (render: URL): URL => below(render, 'gaps.json');
/** While and after somebody submits a salvage job; see `lambda/finish-render/ensure-salvage.ts`. */
export const salvageUrl = (render: URL): URL => below(render, 'salvage.json');

export const retriesFolder = (render: URL): URL => below(render, 'retries/');
/** What a retry, counted from 1, does. */
export const retryUrl = (render: URL, number: number): URL => below(render, `retries/${number}.json`);

function endingOf(video: VideoFormat = DEFAULT_VIDEO): string {
  return VIDEO_FILES[video === 'none' ? 'h264' : video].ending;
}

function below(render: URL, key: string): URL {
  return new URL(`./${key}`, folderUrl(render));
}

/** `0001.png`: padded to at least 4 digits, the sign before them, as Blender itself writes `####`. */
export function frameName(frame: number, ending: 'png' | MasterEnding = 'png'): string {
  return `${frame < 0 ? '-' : ''}${String(Math.abs(frame)).padStart(4, '0')}.${ending}`;
}

const FRAME_NAME = /^(-?)(\d{4,7})\.png$/;

/** The frame whose file this is; `undefined` for a file that is no frame's. */
export function frameOfName(name: string): number | undefined {
  const match = FRAME_NAME.exec(name);
  if (!match) return undefined;
  const frame = Number(match[1] + match[2]!);
  return frameName(frame) === name ? frame : undefined;
}

const RETRY_NAME = /^[1-9]\d{0,8}\.json$/;

/** The number of the retry that this file of `retries/` plans; `undefined` for a file that plans none. */
export function retryOfName(name: string): number | undefined {
  return RETRY_NAME.test(name) ? Number(name.slice(0, -'.json'.length)) : undefined;
}

const FAILURE_NAME = /^-?\d{1,7}\.json$/;

/** The frame whose failure this file of `failures/` tells of; `undefined` for a file that tells of none. */
export function frameOfFailure(name: string): number | undefined {
  return FAILURE_NAME.test(name) ? Number(name.slice(0, -'.json'.length)) : undefined;
}

const MASTER_ENDING = new RegExp(`\\.(${MASTER_ENDINGS.join('|')})$`);

/** The frame whose master this is; `undefined` for a file that is no master. */
export function frameOfMaster(name: string): number | undefined {
  return MASTER_ENDING.test(name) ? frameOfName(name.replace(MASTER_ENDING, '.png')) : undefined;
}
