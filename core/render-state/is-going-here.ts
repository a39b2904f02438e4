import { queueAround, turnOf } from '../upload-queue/look-at-queue';
import { localHolder } from './local-holder';

/** Whether a process renders into a folder, here or on a machine that shares it, or is going to as its queue has it. */
export function isGoingHere(render: URL): boolean {
  const { renderId, queue } = queueAround(render);
  // The queue first: a render leaves it only once it has ended.
  return turnOf(renderId, queue) !== undefined || localHolder(render) !== undefined;
}
