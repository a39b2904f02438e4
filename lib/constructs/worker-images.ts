import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { Arn, ArnFormat, Stage, Validations } from 'aws-cdk-lib';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { isOcioConfig, LUT_ENDINGS, ocioFiles, ocioNeeds } from '../../core/scene/project/ocio-config';
import { bundles, sourceFile, WORKER_FILES } from '../built-files';
import { PROPS } from '../settings/setting-names';
import { type Settings, SettingsError } from '../settings/settings';

const COLOR_FILE = new RegExp(`[^/]\\.(?:ocio|icc|icm|${LUT_ENDINGS.replaceAll(' ', '|')})$`, 'i');

/** Folder of the OpenColorIO configuration in an image. */
const FOLDER_IN_IMAGE = '/opt/spotreel/ocio';

/**
 * Adds the OpenColorIO configuration at `path` and all colour files in its folder to an image's context at `folder`. The
 * image names the configuration in `OCIO`. Throws `SettingsError` if it is missing, invalid, or names files outside its folder.
 */
function addOcio(path: string, folder: string): void {
  const isArchive = /z$/i.test(path);
  const content = read(path);
  if (isArchive ? content.toString('latin1', 0, 2) !== 'PK' : !isOcioConfig(content.toString()))
    throw wrong(path, isArchive ? 'it is not an OCIO archive' : 'it is not an OCIO configuration');
  const files = isArchive ? [] : colorFilesBeside(path, content.toString());
  for (const file of [path, ...files]) {
    const target = join(folder, 'ocio', relative(dirname(path), file));
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(file, target);
  }
  const variable = JSON.stringify(`${FOLDER_IN_IMAGE}/${basename(path)}`).replaceAll('$', '\\$');
  addSteps(join(folder, 'Dockerfile'), `COPY ocio ${FOLDER_IN_IMAGE}/\nENV OCIO=${variable}\n`);
}

/** The step that copies the worker. It stays the last one, so that a machine pulls only the worker if only that is new. */
const COPY_WORKER = /^COPY worker\.js /m;

function addSteps(dockerfile: string, steps: string): void {
  const text = readFileSync(dockerfile, 'utf8');
  writeFileSync(
    dockerfile,
    text.replace(COPY_WORKER, (copy) => `${steps}${copy}`),
  );
}

/** Colour files in the folder of the configuration, without hidden ones. Empty if the configuration names no files. */
function colorFilesBeside(path: string, text: string): string[] {
  const { folders, files } = ocioNeeds(`//${basename(path)}`, ocioFiles(text));
  const named = [...folders, ...[...files.values()].flat()];
  const outside = named.find((one) => !one.startsWith('//') || /^\/\/\.\.(?:\/|$)/.test(one));
  if (outside !== undefined)
    throw wrong(
      path,
      `it names ${outside.replace(/^\/\//, '')}, which is outside its folder; move the file there, or make an archive with ocioarchive`,
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
  new SettingsError([`ocio is ${JSON.stringify(path)}: ${why}`], PROPS);

/** The folders of the image contexts of each app, by what is in them. */
const CONTEXTS = new WeakMap<Construct, Map<string, string>>();

/**
 * The folder from which images of an app are built, in the app's output (`cdk.out`). `ocio` is the path of an
 * OpenColorIO configuration; farms with the same one share a folder. Farms whose stacks are not deployed share another
 * one, without the worker. Throws `SettingsError`.
 */
function imageContext(scope: Construct, ocio?: string): string {
  const stage = Stage.of(scope)!;
  const contexts = CONTEXTS.get(stage) ?? new Map<string, string>();
  const built = bundles(scope);
  const key = JSON.stringify([built !== undefined, ocio]);
  const made = contexts.get(key);
  if (made !== undefined) return made;
  const number = contexts.size === 0 ? '' : `-${contexts.size + 1}`;
  const folder = join(stage.assetOutdir, `worker-image${number}`);
  mkdirSync(folder, { recursive: true });
  copyFileSync(sourceFile('container/Dockerfile'), join(folder, 'Dockerfile'));
  if (ocio !== undefined) addOcio(ocio, folder);
  if (built !== undefined)
    for (const file of WORKER_FILES) copyFileSync(join(built, file), join(folder, file));
  CONTEXTS.set(stage, contexts.set(key, folder));
  return folder;
}

interface WorkerImageProps {
  /**
   * An existing image, built from `container/Dockerfile` or like it: the worker is its entry point, and user 10001 owns
   * `/scratch`.
   * @default - `cdk deploy` builds and pushes an image
   */
  readonly imageUri?: string;
  /** Full version of the Blender to build in. Not needed for an existing image. */
  readonly blenderVersion?: string;
  /** Path of an OpenColorIO configuration to build in. */
  readonly ocio?: string;
}

const ECR_URI = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com\/([^:@]+)/;

/** Image with Blender, ffmpeg and the worker. Only `cdk deploy` needs Docker, or the builder in `CDK_DOCKER`. */
export class WorkerImage extends Construct {
  readonly image: ContainerImage;
  /** Full version; `undefined` if the version in an existing image is unknown. */
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

  /** Lets `role` pull the image. Only images in a private ECR repository need this; the CDK grants it for images it builds. */
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
      reason: 'ecr:GetAuthorizationToken supports no resources.',
    });
  }

  private asset(ocio: string | undefined): DockerImageAsset {
    return new DockerImageAsset(this, 'Asset', {
      directory: imageContext(this, ocio),
      buildArgs: { BLENDER_VERSION: this.blenderVersion! },
      // Set it also for Macs with an Apple chip.
      platform: Platform.LINUX_AMD64,
    });
  }
}

export interface WorkerImagesProps {
  readonly settings: Settings;
}

/** Placeholder for the version in `imageUri`. */
const VERSION = '{version}';

/**
 * The worker's images, one for each Blender version. An `imageUri` without `{version}` is a single image whose version is
 * unknown.
 */
export class WorkerImages extends Construct {
  /** At least one; the oldest Blender first. */
  readonly images: readonly WorkerImage[];

  constructor(scope: Construct, id: string, { settings }: WorkerImagesProps) {
    super(scope, id);
    const { imageUri, blenderVersions, ocio } = settings;
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

  /** The image with the newest Blender, which opens the scenes of all others. */
  get newest(): WorkerImage {
    return this.images.at(-1)!;
  }

  /** Lets `role` pull all images. */
  grantPull(role: IRole): void {
    for (const image of this.images) image.grantPull(role);
  }
}

/** `5.2` for `5.2.0`. Construct ids contain only the series, so a patch release keeps them. */
export function seriesOf(blenderVersion: string): string {
  return blenderVersion.split('.', 2).join('.');
}
