import type { IRole } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { WorkerImage } from './worker-image';

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
