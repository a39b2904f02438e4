import { frameName } from '../../core/render/keys';
import { storageFailed } from './causes';
import type { BlenderNote, RoundFacts } from './round-facts';

/**
 * A worker that was only asked to stop finished the frame that its Blender had begun (frames take milliseconds, the
 * grace is seconds) and stored every rendered frame. Checked only for buckets, whose requests are recorded.
 */
export function auditLost(facts: RoundFacts): string[] {
  const { plan, farm, signals } = facts;
  const harmed = signals.some(({ signal, target }) => signal === 'SIGKILL' || target === 'blender');
  if (plan.storage !== 's3' || farm.restarts > 0 || harmed || storageFailed(facts)) return [];
  return signals.filter(({ target }) => target === 'worker').flatMap(({ pid }) => lostBy(pid, facts));
}

function lostBy(pid: number, { plan, blender, requests }: RoundFacts): string[] {
  const framesThat = (did: BlenderNote['what']): number[] =>
    blender.filter(({ what, worker }) => what === did && worker === pid).map(({ frame }) => frame);
  const stored = new Set(
    requests
      .filter(
        ({ method, status, signer }) => method === 'PUT' && status === 200 && signer === `worker-${pid}`,
      )
      .map(({ key }) => key.split('/').at(-1)),
  );
  const rendered = framesThat('rendered');
  const dropped = framesThat('started').filter(
    (frame) => !rendered.includes(frame) && !(frame in plan.frameFaults),
  );
  return [
    ...dropped.map(
      (frame) => `worker ${pid} dropped frame ${frame}, which it had begun, when it was asked to stop`,
    ),
    ...rendered
      .filter((frame) => !stored.has(frameName(frame)))
      .map((frame) => `worker ${pid} lost frame ${frame}, which it had rendered, when it was asked to stop`),
  ];
}
