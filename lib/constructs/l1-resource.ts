import type { CfnResource } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** The CloudFormation resource of an L2 construct, for properties that the L2 lacks. Throws if it has another type. */
export function l1Resource<T extends CfnResource>(
  construct: IConstruct,
  type: new (...args: never[]) => T,
): T {
  const resource = construct.node.defaultChild;
  if (resource instanceof type) return resource;
  throw new Error(`the default child of ${construct.node.path} is not a ${type.name}`);
}
