import { execFileSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { Arn, ArnFormat, FileSystem, Stack, Validations } from 'aws-cdk-lib';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { PolicyStatement, type IRole } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

export interface WorkerImageProps {
  /**
   * An image that is there already. It must have been made by `container/Dockerfile`, or hold to the same: the worker as
   * its entry point, and a user 10001 who owns `/scratch`.
   * @default - one is built and pushed by `cdk deploy`
   */
  readonly imageUri?: string;
  /** Blender to build in. */
  readonly blenderVersion: string;
}

const ROOT = join(__dirname, '../..');
const ECR_URI = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com\/([^:@]+)/;

/** Blender, ffmpeg and the worker as an image. Synth needs no Docker: `cdk deploy` builds (CDK_DOCKER names another builder). */
export class WorkerImage extends Construct {
  readonly image: ContainerImage;
  private readonly imageUri?: string;

  constructor(scope: Construct, id: string, { imageUri, blenderVersion }: WorkerImageProps) {
    super(scope, id);
    this.imageUri = imageUri;
    this.image =
      imageUri === undefined
        ? ContainerImage.fromDockerImageAsset(this.asset(blenderVersion))
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

  /** Bundled anew at every synth, so that no stale worker is ever deployed, and put into a folder with nothing else in it. */
  private asset(blenderVersion: string): DockerImageAsset {
    const context = FileSystem.mkdtemp('spotreel-image-');
    copyFileSync(join(ROOT, 'container/Dockerfile'), join(context, 'Dockerfile'));
    // False where a caller needs no bundles: tests of templates, `cdk ls`.
    if (Stack.of(this).bundlingRequired) {
      execFileSync(process.execPath, [join(ROOT, 'scripts/build.mjs')], {
        cwd: ROOT,
        stdio: ['ignore', 2, 2],
      });
      for (const file of ['worker.js', 'render_frames.py', 'missing_files.py', 'sandbox.pl']) {
        copyFileSync(join(ROOT, 'dist', file), join(context, file));
      }
    }
    return new DockerImageAsset(this, 'Asset', {
      directory: context,
      buildArgs: { BLENDER_VERSION: blenderVersion },
      // Also on a Mac with an Apple chip.
      platform: Platform.LINUX_AMD64,
    });
  }
}
