import { type App, Aspects, CfnResource, type Stack, TagManager, Tags } from 'aws-cdk-lib';
import { ManagedPolicy, PermissionsBoundary } from 'aws-cdk-lib/aws-iam';

/** Resources of the CDK's own helpers, which take tags in a template but not from `Tags`. */
const UNTYPED = new Set(['AWS::IAM::Role', 'AWS::Lambda::Function']);

/** Gives these tags to all resources of the app, to machines and to their disks. */
export function applyTags(app: App, tags: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(tags)) Tags.of(app).add(name, value);
  const list = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  Aspects.of(app).add({
    visit: (node) => {
      if (!CfnResource.isCfnResource(node) || TagManager.isTaggable(node)) return;
      if (UNTYPED.has(node.cfnResourceType)) node.addPropertyOverride('Tags', list);
    },
  });
}

/** Sets the permissions boundary, a managed policy, of every role in the stack, also of roles that the CDK adds. */
export function applyPermissionsBoundary(stack: Stack, nameOrArn: string): void {
  const boundary = nameOrArn.startsWith('arn:')
    ? ManagedPolicy.fromManagedPolicyArn(stack, 'Boundary', nameOrArn)
    : ManagedPolicy.fromManagedPolicyName(stack, 'Boundary', nameOrArn);
  PermissionsBoundary.of(stack).apply(boundary);
}
