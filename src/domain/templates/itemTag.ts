/**
 * The tag by which an item of a deployment is found at the provider, whatever became of the answer to its creation. Tags there are
 * letters, digits, colons, hyphens and underscores, 255 at most.
 * @throws RangeError for what would give no such tag
 */
export function itemTag(deploymentId: string, key: string): string {
  const tag = `${itemTagPrefix}${deploymentId}:${key}`;
  if (!/^[a-zA-Z0-9:_-]{1,255}$/.test(tag)) throw new RangeError(`"${tag}" is no tag`);
  return tag;
}

/** What no operator's own tag begins with. */
export const itemTagPrefix = 'arcadia:';
