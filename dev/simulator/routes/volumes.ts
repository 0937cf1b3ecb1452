import type { Router } from '@koa/router';
import { listAnswer } from '../paging.ts';
import { conflict } from '../problem.ts';
import { found, type RequestState, type SimulatorState } from '../state.ts';
import { addVolume, removeVolume } from '../volumes.ts';

/** List by name and region, get, create and destroy; an attached volume is not destroyed. */
export function addVolumeRoutes(router: Router<RequestState>, { account }: SimulatorState): void {
  const volumeOf = (id: string | undefined) => found(account.volumes.find((volume) => volume.id === id));

  router.get('/v2/volumes', (ctx) => {
    const { name, region } = ctx.query;
    const listed = account.volumes.filter(
      (volume) =>
        (name === undefined || volume.name === name) &&
        (region === undefined || volume.region.slug === region),
    );
    ctx.body = listAnswer(ctx, 'volumes', listed);
  });

  router.get('/v2/volumes/:id', (ctx) => {
    ctx.body = { volume: volumeOf(ctx.params['id']) };
  });

  router.post('/v2/volumes', (ctx) => {
    const volume = addVolume(account, ctx.request.body ?? {});
    ctx.status = 201;
    ctx.body = { volume };
  });

  router.delete('/v2/volumes/:id', (ctx) => {
    const volume = volumeOf(ctx.params['id']);
    if (volume.droplet_ids.length > 0) {
      throw conflict(
        "A volume that's attached to a Droplet cannot be deleted. Please detach it first before deleting.",
      );
    }
    removeVolume(account, volume.id);
    ctx.status = 204;
  });
}
