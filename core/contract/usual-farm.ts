/** What a farm is where its settings say nothing else: where none can be asked, this is what is told of one. */
export const USUAL_FARM = {
  /** Most vCPUs of Spot machines at a time. */
  spotVcpus: 256,
  /** Of one slice, and of the job that makes the video. */
  renderVcpus: 4,
  stitchVcpus: 4,
  /** x86 families. */
  instanceTypes: ['m6i', 'm6a', 'm7i', 'm7a', 'r6i', 'r6a', 'r7i'],
  gpuInstanceTypes: ['g4dn', 'g5', 'g6'],
} as const;
