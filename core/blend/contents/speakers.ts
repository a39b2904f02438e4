import type { ContentsPart } from './contents-part';
import type { Findings } from './findings';

/** `SPK_MUTED` of `Speaker.flag` in Blender's `DNA_speaker_types.h`. */
const MUTED = 1 << 1;

/** Speakers that have a sound. Whether one is ever heard lies in the animation of its objects, which is not looked at. */
export function speakers(findings: Findings): ContentsPart {
  return {
    structs: {
      Speaker(fields, { owner }) {
        const isHeard = fields.pointer('sound') !== 0n && (fields.number('flag') & MUTED) === 0;
        if (isHeard) findings.addSpeaker(owner.name);
      },
    },
  };
}
