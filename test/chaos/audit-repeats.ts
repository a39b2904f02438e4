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
 * A worker looks whether a frame is there before it renders. What a worker before it had still on its way when it was killed
 * may land after that look, and nobody could know: such a beginning is excused by an answer of its own that the frame was
 * not there. It is not excused when the worker itself had stored the frame, or never asked.
 */
export function auditRepeats({ plan, blender, requests }: RoundFacts): string[] {
  const repeated = blender.filter(({ what, stored }) => what === 'started' && stored);
  const beginnings =
    plan.blender === 'fake'
      ? blender.filter(({ what }) => what === 'started')
      : uploadsOf(plan.frames, requests);
  const again = beginnings.filter((beginning) => isRepeated(beginning, requests));
  return [...new Set([...repeated, ...again])].map(
    ({ frame, worker }) => `frame ${frame} was rendered again by worker ${worker} when it was safely stored`,
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

/** The real Blender keeps no log: a frame that is sent was rendered a moment before. Repeats of the same request are none. */
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
