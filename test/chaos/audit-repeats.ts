import { frameName } from '../../core/render/keys';
import type { StorageRequest } from './faulty-proxy';
import type { RoundFacts } from './round-facts';

/** A frame that a worker began to render. */
interface Beginning {
  readonly frame: number;
  /** Process id. */
  readonly worker: number;
  readonly at: number;
}

/**
 * No frame is rendered again once it is safely stored.
 *
 * A worker checks whether a frame is stored before it renders. An upload of a killed worker may arrive after that
 * check. Rendering the frame again is then allowed if storage answered that the frame was missing, but not if the
 * worker itself had stored the frame or never asked.
 */
export function auditRepeats({ plan, blender, requests }: RoundFacts): string[] {
  const repeated = blender.filter(({ what, stored }) => what === 'started' && stored);
  const beginnings =
    plan.blender === 'fake'
      ? blender.filter(({ what }) => what === 'started')
      : uploadsOf(plan.frames, requests);
  const again = beginnings.filter((beginning) => isRepeated(beginning, requests));
  return [...new Set([...repeated, ...again])].map(
    ({ frame, worker }) => `worker ${worker} rendered frame ${frame} again, which was safely stored`,
  );
}

function isRepeated({ frame, worker, at }: Beginning, requests: readonly StorageRequest[]): boolean {
  const own = `worker-${worker}`;
  const ofFrame = requests.filter(({ key }) => key.endsWith(`/frames/${frameName(frame)}`));
  const stored = ofFrame.filter(
    ({ method, status, doneAt }) => method === 'PUT' && status === 200 && doneAt! < at,
  );
  const asked = ofFrame.some(
    ({ method, status, signer, passedAt }) =>
      method === 'GET' && status === 404 && signer === own && passedAt! <= at,
  );
  return stored.some(({ signer }) => signer === own || !asked);
}

/** The real Blender keeps no log: an upload shows that a frame was rendered. Retries of a request do not count. */
function uploadsOf(frames: readonly number[], requests: readonly StorageRequest[]): Beginning[] {
  return frames.flatMap((frame) => {
    const sent = requests.filter(
      ({ method, key, passedAt }) =>
        method === 'PUT' && passedAt !== undefined && key.endsWith(`/frames/${frameName(frame)}`),
    );
    const firsts = sent.filter(({ signer }, i) => sent.findIndex((other) => other.signer === signer) === i);
    return firsts.map(({ signer, passedAt }) => ({
      frame,
      worker: Number(signer.replace('worker-', '')),
      at: passedAt!,
    }));
  });
}
