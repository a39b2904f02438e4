import { frameName } from '../../core/render/keys';

// The layout of a render's folder, spelled out again so that tests check it.

const below = (folder: URL, name: string): URL =>
  new URL(name, folder.href.endsWith('/') ? folder : `${folder.href}/`);

export const renderFolder = (output: URL, renderId: string): URL => below(output, `${renderId}/`);
export const capUrl = (folder: URL): URL =>
  below(folder, `../../caps/${folder.pathname.split('/').at(-2)}.json`);
export const manifestUrl = (folder: URL): URL => below(folder, 'manifest.json');
export const jobsUrl = (folder: URL): URL => below(folder, 'jobs.json');
export const claimUrl = (folder: URL): URL => below(folder, 'submitting.json');
export const statusUrl = (folder: URL): URL => below(folder, 'status.json');
export const framesFolder = (folder: URL): URL => below(folder, 'frames/');
export const frameUrl = (folder: URL, frame: number): URL => below(folder, `frames/${frameName(frame)}`);
export const sliceReportUrl = (folder: URL, slice: number): URL => below(folder, `slices/${slice}.json`);
export const failuresFolder = (folder: URL): URL => below(folder, 'failures/');
export const failureUrl = (folder: URL, frame: number): URL => below(folder, `failures/${frame}.json`);
export const stitchRecordUrl = (folder: URL): URL => below(folder, 'stitch.json');
export const videoUrl = (folder: URL): URL => below(folder, 'output.mp4');
export const partialVideoUrl = (folder: URL): URL => below(folder, 'output.partial.mp4');
export const gapsUrl = (folder: URL): URL => below(folder, 'gaps.json');
export const salvageUrl = (folder: URL): URL => below(folder, 'salvage.json');
export const retryUrl = (folder: URL, number: number): URL => below(folder, `retries/${number}.json`);
