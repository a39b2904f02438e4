import type { Size } from 'aws-cdk-lib';
import {
  BlockDeviceVolume,
  EbsDeviceVolumeType,
  LaunchTemplate,
  LaunchTemplateHttpTokens,
  MultipartBody,
  MultipartUserData,
} from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import { machineSetup } from './machine-setup';

export interface MachineTemplateProps {
  /** Disk of one machine: system, image, and the scenes and frames of all slices that run on it. */
  readonly disk: Size;
}

/** How every machine of the farm starts. AWS Batch adds its own part to the user data, so ours is a MIME multipart too. */
export class MachineTemplate extends Construct {
  readonly launchTemplate: LaunchTemplate;

  constructor(scope: Construct, id: string, { disk }: MachineTemplateProps) {
    super(scope, id);
    const userData = new MultipartUserData();
    userData.addPart(
      MultipartBody.fromRawBody({
        contentType: 'text/x-shellscript; charset="us-ascii"',
        body: machineSetup(),
      }),
    );
    this.launchTemplate = new LaunchTemplate(this, 'LaunchTemplate', {
      userData,
      httpTokens: LaunchTemplateHttpTokens.REQUIRED,
      httpPutResponseHopLimit: 1,
      blockDevices: [
        {
          // The only disk of the ECS-optimized Amazon Linux 2023: system and containers share it.
          deviceName: '/dev/xvda',
          volume: BlockDeviceVolume.ebs(disk.toGibibytes(), {
            volumeType: EbsDeviceVolumeType.GP3,
            encrypted: true,
            deleteOnTermination: true,
          }),
        },
      ],
    });
  }
}
