import type * as status from '../cli/status/render-status';
import type * as submit from '../cli/upload/submit-render';

export type { RenderStatus, StatusRequest } from '../cli/status/render-status';
export type { FileOutside, SubmitRequest, SubmittedRender, SubmitView } from '../cli/upload/submit-render';
export { SpotreelError } from '../core/errors';

/** @internal The command line, which shares the bundle. */
export { runCommandLine } from '../cli/main';
/** @internal */
export { exitWithItsReader } from '../cli/output';

// Loaded at the first call: large parts of the SDK.

/** Uploads a scene with its files and submits its renders, as `spotreel submit` does. */
export const submitRender: typeof submit.submitRender = async (...args) => {
  return (await import('../cli/upload/submit-render')).submitRender(...args);
};

/** Reads the state of a render once, as `spotreel status` does. */
export const renderStatus: typeof status.renderStatus = async (...args) => {
  return (await import('../cli/status/render-status')).renderStatus(...args);
};
