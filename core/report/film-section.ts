import { frameName } from '../contract/keys';
import type { Manifest } from '../contract/manifest';
import { html, type Html } from './html';

/** Pictures and films that stand in the page itself, as `data:` URLs: beside it nothing may be within reach. */
export interface ReportMedia {
  /** A small film of all frames that are there. */
  readonly preview?: string;
  readonly poster?: string;
  readonly contactSheet?: string;
}

interface FilmInput {
  readonly manifest: Pick<Manifest, 'frameCount' | 'frames'>;
  readonly media: ReportMedia;
  /** The name of the video beside the page; absent if there is none. */
  readonly video?: string;
  /** Folders below `outputs/`. */
  readonly outputs?: readonly string[] | undefined;
}

/** File Output nodes that are linked; beyond, only their number is shown. */
const MOST_NODES = 100;

/** Where the files of File Output nodes are, beside the page. */
function outputLinks(outputs: readonly string[]): Html {
  if (outputs.length === 0) return html``;
  const links = outputs
    .slice(0, MOST_NODES)
    .map((node) => html` <a href="outputs/${encodeURIComponent(node)}/">outputs/${node}</a>`);
  const more = outputs.length > links.length ? ` and ${outputs.length - links.length} more` : '';
  return html`<p>File Output nodes:${links}${more}</p>`;
}

/** The film, or the picture of a render of one frame, with what is beside the page. */
export function film({ manifest, media, video, outputs = [] }: FilmInput, missing: number): Html {
  const { preview, poster, contactSheet } = media;
  const player =
    preview === undefined
      ? stillOf(poster)
      : html`<video
          controls
          playsinline
          preload="metadata"
          src="${preview}"
          ${poster === undefined ? html`` : html` poster="${poster}"`}
        ></video> `;
  const isStill = manifest.frameCount === 1 && missing === 0;
  const full = video ?? (isStill ? `frames/${frameName(manifest.frames[0]!.start)}` : undefined);
  const link =
    full === undefined ? html`` : html`<p>Full size: <a href="${full}">${full}</a>, beside this page.</p>`;
  const sheet =
    contactSheet === undefined
      ? html``
      : html`<img
          class="sheet"
          alt="Frames of the film, evenly spaced, with their numbers"
          src="${contactSheet}"
        />`;
  return html`<section>${player}${link}${outputLinks(outputs)}${sheet}</section>`;
}

const stillOf = (poster: string | undefined): Html =>
  poster === undefined ? html`` : html`<img class="sheet" alt="The frame in the middle" src="${poster}" />`;
