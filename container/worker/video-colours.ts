import type { Display } from '../../core/render/display';

/** How a video is tagged, in ffmpeg's names. */
interface Colours {
  readonly primaries: string;
  readonly transfer: string;
  readonly matrix: string;
  /** The matrix as the scale filter calls it. */
  readonly scaleMatrix: string;
}

const BT709: Colours = { primaries: 'bt709', transfer: 'bt709', matrix: 'bt709', scaleMatrix: 'bt709' };
const BT2020: Colours = { primaries: 'bt2020', transfer: 'bt709', matrix: 'bt2020nc', scaleMatrix: 'bt2020' };

/** As Blender 5.2 tags its own videos (tried); its transfer of Display P3 is that of BT.709, too. */
const BY_DISPLAY: Readonly<Record<Display, Colours>> = {
  'rec2100-pq': { ...BT2020, transfer: 'smpte2084' },
  'rec2100-hlg': { ...BT2020, transfer: 'arib-std-b67' },
  'display-p3': { ...BT709, primaries: 'smpte432' },
  rec2020: BT2020,
};

const coloursOf = (display: Display | undefined): Colours => (display ? BY_DISPLAY[display] : BT709);

/** Arguments of an output that say how its colours are meant, so that players do not guess by the picture's size. */
export function colourTags(display: Display | undefined): string[] {
  const { primaries, transfer, matrix } = coloursOf(display);
  return [
    ...['-colorspace', matrix, '-color_primaries', primaries, '-color_trc', transfer],
    ...['-color_range', 'tv'],
  ];
}

/** Options of the scale filter for these colours; without `accurate_rnd` greys of 16 bits get a tint. */
export const scaleOptions = (display: Display | undefined): string =>
  `out_color_matrix=${coloursOf(display).scaleMatrix}:out_range=tv:flags=${EXACT}`;

/** Flags of every scale filter. */
export const EXACT = 'accurate_rnd+full_chroma_int';

/** Filters that make RGB pictures of these pixels, such as `yuv420p`. */
export function inColours(pixels: string, display: Display | undefined): string[] {
  const { primaries, transfer, matrix } = coloursOf(display);
  return [
    `scale=${scaleOptions(display)}`,
    `format=${pixels}`,
    // ProRes goes by what its frames say.
    `setparams=range=tv:color_primaries=${primaries}:color_trc=${transfer}:colorspace=${matrix}`,
  ];
}

/** The picture over a colour `rrggbb`, which is made from the picture itself, so that both have the same size, time and number. */
export function overColour(background: string): string {
  const [r, g, b] = channelsOf(background);
  const colour = `lutrgb=r=${r}:g=${g}:b=${b}:a=255,format=gbrp`;
  return `format=gbrap,split[front][back];[back]${colour}[colour];[colour][front]overlay=format=gbrp`;
}

/** The same in 16 bits, which the overlay filter does not know. */
export function overDeepColour(background: string): string {
  const [r, g, b] = channelsOf(background).map((value) => value * 257);
  return [
    'format=gbrap16,split=3[front][back][alpha]',
    `[back]lutrgb=r=${r}:g=${g}:b=${b},format=gbrp16[colour]`,
    '[front]format=gbrp16[opaque]',
    '[alpha]shuffleplanes=3:3:3:3,format=gbrp16[mask]',
    '[colour][opaque][mask]maskedmerge',
  ].join(';');
}

function channelsOf(background: string): number[] {
  return [0, 2, 4].map((at) => Number.parseInt(background.slice(at, at + 2), 16));
}
