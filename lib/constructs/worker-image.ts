import { Arn, ArnFormat, Validations } from 'aws-cdk-lib';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { PolicyStatement, type IRole } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { imageContext } from './image-context';

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
