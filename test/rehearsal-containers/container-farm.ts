import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAwsEmulator, type AwsEmulator } from '../rehearsal/aws-emulator';
import { deploy, imageOf, synthesize } from '../rehearsal/deploy';
import { DeployedFarm } from '../rehearsal/deployed-farm';
import { ContainerBatch } from './container-batch';
import { startCredentialsEndpoint, type CredentialsEndpoint } from './credentials-endpoint';
import type { Docker } from './docker';

/** Settings that ask for less than the defaults, which are too much for this machine. */
const SETTINGS = {
  SPOTREEL_GPU_VCPUS: '0',
  SPOTREEL_RENDER_MEMORY_MIB: '3000',
  SPOTREEL_STITCH_MEMORY_MIB: '1000',
};

/** The path of the emulator's certificate in a container. */
const CERTIFICATE = '/emulator.crt';

/** A farm in the emulator, under its templates' own policies, whose jobs run as containers. */
export class ContainerFarm {
  private constructor(
    readonly aws: AwsEmulator,
    readonly farm: DeployedFarm,
    readonly batch: ContainerBatch,
    readonly credentials: CredentialsEndpoint,
    private readonly folder: string,
  ) {}

  /** `building`: full version of Blender → id of the image with it. The farm is deployed while they are built. */
  static async start(
    docker: Docker,
    building: Readonly<Record<string, Promise<string>>>,
  ): Promise<ContainerFarm> {
    const folder = mkdtempSync(join(tmpdir(), 'spotreel-rehearsal-'));
    const aws = await startAwsEmulator(true);
    try {
      const certificate = join(folder, 'emulator.crt');
      copyFileSync(aws.certificate, certificate);
      // The worker is another user.
      chmodSync(certificate, 0o644);
      const versions = Object.keys(building);
      const [ids] = await Promise.all([
        Promise.all(Object.values(building)),
        deployFarm(join(folder, 'cdk.out'), versions, aws),
      ]);
      const farm = await DeployedFarm.find(aws);
      const credentials = await startCredentialsEndpoint(await farm.credentialsOf('JobsWorkerRole'));
      const batch = new ContainerBatch({
        docker,
        farm,
        images: Object.fromEntries(versions.map((version, index) => [imageOf(version), ids[index]!])),
        environment: {
          ...credentials.environment,
          AWS_ENDPOINT_URL: aws.endpoint,
          NODE_EXTRA_CA_CERTS: CERTIFICATE,
        },
        shown: { [certificate]: CERTIFICATE },
      });
      return new ContainerFarm(aws, farm, batch, credentials, folder);
    } catch (error) {
      await aws.stop();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Uploads a scene and waits until its two jobs are submitted. Gives the render's folder, as a key. */
  async upload(
    key: string,
    scene: Uint8Array,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    await this.farm.put(key, scene, metadata);
    const name = key
      .split('/')
      .at(-1)!
      .replace(/\.blend$/, '');
    const jobs = await this.farm.appears(`renders/${name}-`, '/jobs.json');
    return jobs.slice(0, -'/jobs.json'.length);
  }

  async stop(): Promise<void> {
    await this.batch.stop();
    await this.credentials.stop();
    await this.aws.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function deployFarm(cdkOut: string, versions: readonly string[], aws: AwsEmulator): Promise<void> {
  await synthesize(cdkOut, { ...SETTINGS, SPOTREEL_BLENDER_VERSIONS: versions.join(',') });
  await deploy(cdkOut, aws);
}
