import type { CfnResource } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** The L1 resource behind an L2 construct, for what the L2 can't say. Throws where it is of another type. */
export function l1Resource<T extends CfnResource>(
  construct: IConstruct,
  type: new (...args: never[]) => T,
): T {
  const resource = construct.node.defaultChild;
  if (resource instanceof type) return resource;
  throw new Error(`${construct.node.path} is not made of a ${type.name}`);
}
