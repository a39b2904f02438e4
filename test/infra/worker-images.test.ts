import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { WORKER_FILES } from '../../lib/built-files';
import { SpotreelFarm } from '../../lib/constructs/spotreel-farm';
import { useScratchFolder } from '../support/scratch-folder';

const at = useScratchFolder();

/** In place of a build: only the stack `Deployed` has bundles, which are files of one letter. */
const mockBuilt = (scope: Construct) => (Stack.of(scope).node.id === 'Deployed' ? at('.') : undefined);
jest.mock('../../lib/built-files', () => ({
  ...jest.requireActual<object>('../../lib/built-files'),
  bundles: (scope: Construct) => mockBuilt(scope),
}));

/** An app with these stacks, which have one farm each. */
function appWith(ids: readonly string[]): App {
  for (const file of WORKER_FILES) writeFileSync(at(file), 'x');
  const app = new App({ stackTraces: false, context: { 'aws:cdk:bundling-stacks': [] } });
  const farms = ids.map((id) => new SpotreelFarm(new Stack(app, id), 'Farm', { farmName: id.toLowerCase() }));
  expect(farms).toHaveLength(ids.length);
  return app;
}

test.each([[['Other', 'Deployed']], [['Deployed', 'Other']]])(
  'the image of a deployed stack has the worker in an app with the stacks %j',
  (ids) => {
    const app = appWith(ids);
    const folders = ['worker-image', 'worker-image-2'].map((name) => join(app.assetOutdir, name));
    const withWorker = folders.map((folder) => WORKER_FILES.every((file) => existsSync(join(folder, file))));
    expect(withWorker).toEqual(ids.map((id) => id === 'Deployed'));
  },
);
