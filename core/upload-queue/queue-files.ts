import { childUrl } from '../storage/location';

/** Where whoever watches a folder keeps what is its own: below the folder of renders, hidden. */
export const queueFolder = (output: URL): URL => childUrl(output, '.farm/');
/** Every upload that was seen, in the order of arrival. */
export const queueUrl = (output: URL): URL => childUrl(output, '.farm/uploads.json');
/** Marks of renders that are to be cancelled. */
export const cancelFolder = (output: URL): URL => childUrl(output, '.farm/cancel/');
/** The mark of one; `renderId` checked to be a render's name. */
export const cancelUrl = (output: URL, renderId: string): URL => childUrl(output, `.farm/cancel/${renderId}`);
