import { execFileSync } from 'node:child_process';
import { appendFileSync, copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { Arn, ArnFormat, Stack, Stage, Validations } from 'aws-cdk-lib';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { isOcioConfig, LUT_ENDINGS, ocioFiles, ocioNeeds } from '../../core/scene/ocio-config';
import { SettingsError } from '../settings';

const COLOR_FILE = new RegExp(`[^/]\\.(?:ocio|icc|icm|${LUT_ENDINGS.replaceAll(' ', '|')})$`, 'i');

/** Where images have it. */
const FOLDER_IN_IMAGE = '/opt/spotreel/ocio';

/**
 * Adds the OpenColorIO configuration at `path` to an image's context at `folder`, with all colour files below its folder, and has the
 * image name it in `OCIO`. Throws `SettingsError` for one that is missing or none, and where it names files outside its folder.
 */
function addOcio(path: string, folder: string): void {
  const isArchive = /z$/i.test(path);
  const content = read(path);
  if (isArchive ? content.toString('latin1', 0, 2) !== 'PK' : !isOcioConfig(content.toString()))
    throw wrong(path, isArchive ? 'it is no OCIO archive' : 'it is no OCIO configuration');
  const files = isArchive ? [] : colorFilesBeside(path, content.toString());
  for (const file of [path, ...files]) {
    const target = join(folder, 'ocio', relative(dirname(path), file));
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(file, target);
  }
  const variable = JSON.stringify(`${FOLDER_IN_IMAGE}/${basename(path)}`).replaceAll('$', '\\$');
  const lines = `\nCOPY ocio ${FOLDER_IN_IMAGE}/\nENV OCIO=${variable}\n`;
  appendFileSync(join(folder, 'Dockerfile'), lines);
}

/** Colour files below the folder of the configuration, hidden ones left out; none for one that names no files. */
function colorFilesBeside(path: string, text: string): string[] {
  const { folders, files } = ocioNeeds(`//${basename(path)}`, ocioFiles(text));
  const named = [...folders, ...[...files.values()].flat()];
  const outside = named.find((one) => !one.startsWith('//') || /^\/\/\.\.(?:\/|$)/.test(one));
  if (outside !== undefined)
    throw wrong(
      path,
      `it names ${outside.replace(/^\/\//, '')}, which is outside its folder; make an archive of it (ocioarchive), or move the file`,
    );
  if (named.length === 0) return [];
  return readdirSync(dirname(path), { recursive: true, withFileTypes: true })
    .map((entry) => ({ entry, file: join(entry.parentPath, entry.name) }))
    .filter(({ entry, file }) => entry.isFile() && file !== path && COLOR_FILE.test(file))
    .map(({ file }) => file)
    .filter(
      (file) =>
        !relative(dirname(path), file)
          .split('/')
          .some((name) => name.startsWith('.')),
    );
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw wrong(path, `it cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const wrong = (path: string, why: string): SettingsError =>
  new SettingsError(`wrong settings:\n  ocio is ${JSON.stringify(path)}: ${why}`);

const ROOT = join(__dirname, '../..');

/** What `npm run build` makes of the worker: `container/Dockerfile` copies all of it. */
export const WORKER_FILES: readonly string[] = [
  'worker.js',
  ...readdirSync(join(ROOT, 'container/worker/blender')).filter((name) => name.endsWith('.py')),
  'sandbox.pl',
  'supervise.pl',
];

/** Of each app, the folder that has been put together for it. */
const CONTEXTS = new WeakMap<Construct, string>();

/**
 * What the worker's image is built from, in a folder with nothing else in it: the same for all of an app's images. Bundled
 * anew at every synth, so that no stale worker is ever deployed. It lies in the app's output, `cdk.out`, like all else that
 * a synth leaves. `ocio` is the path of the OpenColorIO configuration that all of its renders have. Throws `SettingsError`.
 */
function imageContext(scope: Construct, ocio?: string): string {
  const stage = Stage.of(scope)!;
  const made = CONTEXTS.get(stage);
  if (made !== undefined) return made;
  const folder = join(stage.assetOutdir, 'worker-image');
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(ROOT, 'container/Dockerfile'), join(folder, 'Dockerfile'));
  if (ocio !== undefined) addOcio(ocio, folder);
  // False where a caller needs no bundles: tests of templates, `cdk ls`.
  if (Stack.of(scope).bundlingRequired) {
    execFileSync(process.execPath, [join(ROOT, 'scripts/build.mjs')], {
      cwd: ROOT,
      stdio: ['ignore', 2, 2],
    });
    for (const file of WORKER_FILES) copyFileSync(join(ROOT, 'dist', file), join(folder, file));
  }
  CONTEXTS.set(stage, folder);
  return folder;
}

export interface WorkerImageProps {
  /**
   * An image that is there already. It must have been made by `container/Dockerfile`, or hold to the same: the worker as
   * its entry point, and a user 10001 who owns `/scratch`.
   * @default - one is built and pushed by `cdk deploy`
   */
  readonly imageUri?: string;
  /** Full version of the Blender to build in. Of an image that is there already it is not needed. */
  readonly blenderVersion?: string;
  /** Path of an OpenColorIO configuration to build in. */
  readonly ocio?: string | undefined;
}

const ECR_URI = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com\/([^:@]+)/;

/** Blender, ffmpeg and the worker as an image. Synth needs no Docker: `cdk deploy` builds (CDK_DOCKER names another builder). */
export class WorkerImage extends Construct {
  readonly image: ContainerImage;
  /** Of its Blender; `undefined` where nobody knows. */
  readonly blenderVersion: string | undefined;
  private readonly imageUri: string | undefined;

  constructor(scope: Construct, id: string, { imageUri, blenderVersion, ocio }: WorkerImageProps) {
    super(scope, id);
    this.imageUri = imageUri;
    this.blenderVersion = blenderVersion;
    this.image =
      imageUri === undefined
        ? ContainerImage.fromDockerImageAsset(this.asset(ocio))
        : ContainerImage.fromRegistry(imageUri);
  }

  /** Lets `role` pull the image. The image built here does so by itself; one of a private ECR repository needs to be told. */
  grantPull(role: IRole): void {
    const [, account, region, repositoryName] = ECR_URI.exec(this.imageUri ?? '') ?? [];
    if (repositoryName !== undefined) {
      const components = { partition: 'aws', service: 'ecr', region, account, resource: 'repository' };
      const arnFormat = ArnFormat.SLASH_RESOURCE_NAME;
      role.addToPrincipalPolicy(
        new PolicyStatement({
          actions: ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'],
          resources: [Arn.format({ ...components, resourceName: repositoryName, arnFormat })],
        }),
      );
      role.addToPrincipalPolicy(
        new PolicyStatement({ actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }),
      );
    }
    Validations.of(role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'ecr:GetAuthorizationToken knows no resources.',
    });
  }

  private asset(ocio: string | undefined): DockerImageAsset {
    return new DockerImageAsset(this, 'Asset', {
      directory: imageContext(this, ocio),
      buildArgs: { BLENDER_VERSION: this.blenderVersion! },
      // Also on a Mac with an Apple chip.
      platform: Platform.LINUX_AMD64,
    });
  }
}

export interface WorkerImagesProps {
  /**
   * Images that are there already: with `{version}` in it one for each of `blenderVersions`, without it a single one, of
   * whose Blender nothing is known.
   * @default - `cdk deploy` builds and pushes one for each of `blenderVersions`
   */
  readonly imageUri?: string;
  /** Full versions, the oldest first; no two of the same major and minor version. */
  readonly blenderVersions: readonly string[];
  /** Path of the OpenColorIO configuration to build in; images that are there already have their own. */
  readonly ocio?: string | undefined;
}

/** What stands for the version in `imageUri`. */
const VERSION = '{version}';

/** The worker's images, one a Blender. */
export class WorkerImages extends Construct {
  /** The oldest Blender first; at least one. */
  readonly images: readonly WorkerImage[];

  constructor(scope: Construct, id: string, { imageUri, blenderVersions, ocio }: WorkerImagesProps) {
    super(scope, id);
    this.images =
      imageUri?.includes(VERSION) === false
        ? [new WorkerImage(this, 'Given', { imageUri })]
        : blenderVersions.map(
            (blenderVersion) =>
              new WorkerImage(this, seriesOf(blenderVersion), {
                blenderVersion,
                ocio,
                ...(imageUri !== undefined && { imageUri: imageUri.replaceAll(VERSION, blenderVersion) }),
              }),
          );
  }

  /** The one that does what any of them could. */
  get newest(): WorkerImage {
    return this.images.at(-1)!;
  }

  /** Lets `role` pull all of them. */
  grantPull(role: IRole): void {
    for (const image of this.images) image.grantPull(role);
  }
}

/** `5.2` of `5.2.0`: ids of constructs outlive a release that only corrects. */
export function seriesOf(blenderVersion: string): string {
  return blenderVersion.split('.', 2).join('.');
}
