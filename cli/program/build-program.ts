import { Command } from 'commander';
import { version } from '../../package.json';
import { addCancel } from './cancel';
import { addDelete } from './delete';
import { addDoctor } from './doctor';
import { addDownload } from './download';
import { addEstimate } from './estimate';
import { addFarm } from './farm';
import { addInspect } from './inspect';
import { addList } from './list';
import { addReceipt } from './receipt';
import { addLogs } from './logs';
import { addRender } from './render';
import { addRetry } from './retry';
import type { Run } from './run';
import { addStatus } from './status';
import { addSubmit } from './submit';
import { addWatch } from './watch';

/**
 * All commands, in the order of help: what each takes and tells. What a command does is loaded only when it is run, so that
 * help comes at once.
 */
export function buildProgram(run: Run): Command {
  const program = new Command('spotreel')
    .description(
      'Renders a Blender scene, every frame and a video of them, on this machine or on a farm in AWS.',
    )
    .version(version)
    .exitOverride()
    .showHelpAfterError('(spotreel --help tells more)');
  const adders = [
    addRender,
    addSubmit,
    addEstimate,
    addInspect,
    addList,
    addStatus,
    addWatch,
    addReceipt,
    addLogs,
    addDownload,
    addCancel,
    addRetry,
    addDelete,
    addFarm,
    addDoctor,
  ];
  for (const add of adders) add(program, run);
  return program;
}
