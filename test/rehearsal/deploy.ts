import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../support/source-files';
import { ACCOUNT, REGION, type AwsEmulator } from './aws-emulator';

const CDK = join(ROOT, 'node_modules/.bin/cdk');

/** The Blender versions of the farm's images. */
export const BLENDER_VERSIONS = ['4.5.1', '5.2.3'] as const;

/** Images cannot be built or stored here, so the settings name those of a private repository. */
export const imageOf = (version: string): string =>
  `${ACCOUNT}.dkr.ecr.${REGION}.amazonaws.com/spotreel:${version}`;

/** The stacks as `cdk synth` makes them, Lambdas bundled. More settings as variables, such as `SPOTREEL_RENDER_VCPUS`. */
export async function synthesize(
  assembly: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<void> {
  const environment = {
    ...process.env,
    SPOTREEL_IMAGE_URI: imageOf('{version}'),
    SPOTREEL_BLENDER_VERSIONS: BLENDER_VERSIONS.join(','),
    SPOTREEL_GPU_VCPUS: '8',
    ...settings,
  };
  await cdk(['synth', '--quiet', '--output', assembly], environment);
}

/** `cdk bootstrap` and `cdk deploy --all`, as the README has them, but for the emulator. */
export async function deploy(assembly: string, aws: AwsEmulator): Promise<void> {
  const environment = aws.environment();
  await cdk(['bootstrap', '--app', assembly, `aws://${ACCOUNT}/${REGION}`], environment);
  await cdk(['deploy', '--all', '--app', assembly, '--require-approval', 'never'], environment);
}

async function cdk(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
  try {
    // Notices come from the internet.
    await promisify(execFile)(CDK, [...args, '--no-notices', '--ci'], { cwd: ROOT, env: environment });
  } catch (error) {
    throw new Error(`cdk ${args.join(' ')} failed: ${textOf(error)}`, { cause: error });
  }
}

function textOf(error: unknown): string {
  const { stdout = '', stderr = '' } = Object(error);
  return `${stdout}\n${stderr}`.slice(-6000);
}
