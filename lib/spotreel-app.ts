import { Tags, type App } from 'aws-cdk-lib';
import { readSettings } from './config';
import { FARM_TAG } from '../core/contract/farm-tag';
import { FarmStack } from './farm-stack';
import { StorageStack } from './storage-stack';

/** The two stacks of one farm. */
export interface SpotreelStacks {
  readonly storage: StorageStack;
  readonly farm: FarmStack;
}

/**
 * Adds the stacks to `app`, as the context `spotreel` and the environment want them. They name no account and no region:
 * those of the credentials are meant, and synth needs none. Throws `SettingsError`.
 */
export function spotreelApp(
  app: App,
  environment: Readonly<Record<string, string | undefined>>,
): SpotreelStacks {
  const settings = readSettings(app.node.tryGetContext('spotreel'), environment);
  const { farmName } = settings;
  const storage = new StorageStack(app, 'SpotreelStorage', {
    stackName: `spotreel-${farmName}-storage`,
    description: `Spotreel ${farmName}: scenes and renders. Survives the farm`,
    settings,
  });
  const farm = new FarmStack(app, 'SpotreelFarm', {
    stackName: `spotreel-${farmName}-farm`,
    description: `Spotreel ${farmName}: renders Blender scenes on Spot machines`,
    settings,
    bucket: storage.bucket,
  });
  Tags.of(app).add(FARM_TAG, farmName);
  return { storage, farm };
}
