/** An image of a private ECR repository, and who knows it. */
export interface EcrImage {
  readonly registryId: string;
  readonly region: string;
  readonly repositoryName: string;
  /** One of both. */
  readonly imageId: { readonly imageTag: string } | { readonly imageDigest: string };
}

const ECR = /^(\d{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([^:@]+)(?::([^@]+))?(?:@(.+))?$/;

/** What an image's URI names; `undefined` where it lies in another registry. Pure. */
export function parseEcrImage(uri: string): EcrImage | undefined {
  const [, registryId, region, repositoryName, imageTag = 'latest', imageDigest] = ECR.exec(uri) ?? [];
  if (registryId === undefined || region === undefined || repositoryName === undefined) return undefined;
  const imageId = imageDigest === undefined ? { imageTag } : { imageDigest };
  return { registryId, region, repositoryName, imageId };
}
