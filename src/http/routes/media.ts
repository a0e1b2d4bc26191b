import { parseMediaId } from '../../kernel/ids.js';
import { LIMITS } from '../../kernel/limits.js';
import type { MediaApi, MediaLinkView, MediaView } from '../../flows/api/media.js';
import { openRoute, uploadRoute, userRoute } from '../define-route.js';
import { flag, optional, textUpTo, whole, withDefault } from '../read.js';
import { file, nothing, one, page } from '../reply.js';
import type { Route } from '../route.js';
import { PAGE_QUERY } from './page-query.js';

const MEDIA = { media_id: parseMediaId };
const media = one<MediaView>('api/media');

export function mediaRoutes(api: MediaApi): readonly Route[] {
  return [...bringingRoutes(api), ...fetchingRoutes(api), ...keepingRoutes(api)];
}

function bringingRoutes(api: MediaApi): readonly Route[] {
  return [
    uploadRoute({
      method: 'POST',
      path: '/v1/media/upload',
      who: 'member',
      summary: 'Upload a file, as the part `file` of a form or as the body itself.',
      query: { name: optional(textUpTo(LIMITS.foreignIdCharsMax)), tenant_scope: withDefault(flag, false) },
      reply: media,
      handle: ({ caller, query, file: { name, expectedBytes, chunks, fields } }) => {
        const tenantScope = (): boolean => query.tenant_scope || flag(fields.get('tenant_scope') ?? 'false');
        return api.upload(caller, { name: query.name ?? name, expectedBytes, chunks, tenantScope });
      },
    }),
  ];
}

function fetchingRoutes(api: MediaApi): readonly Route[] {
  return [
    userRoute({
      method: 'GET',
      path: '/v1/media/{media_id}/info',
      who: 'member',
      summary: 'What is known of a file.',
      params: MEDIA,
      reply: media,
      handle: ({ caller, params }) => api.info(caller, params.media_id),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/media/download/{media_id}',
      who: 'member',
      summary: 'A file, or a range of it.',
      params: MEDIA,
      reply: file,
      handle: ({ caller, params }) => api.download(caller, params.media_id),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/media/signed/{media_id}',
      who: 'member',
      summary: 'A link by which anybody can read a file for a while.',
      params: MEDIA,
      query: { expires_in: withDefault(whole(1, LIMITS.mediaLinkMaxMs / 1_000), LIMITS.mediaLinkDefaultMs / 1_000) },
      reply: one<MediaLinkView>('api/media-link'),
      handle: ({ caller, params, query }) => api.link(caller, params.media_id, query.expires_in * 1_000),
    }),
    openRoute({
      method: 'GET',
      path: '/v1/media/links/{token}',
      who: 'nobody',
      summary: 'The file that a link was made for.',
      params: { token: (given) => given },
      reply: file,
      handle: ({ params }) => api.follow(params.token),
    }),
  ];
}

function keepingRoutes(api: MediaApi): readonly Route[] {
  return [
    userRoute({
      method: 'GET',
      path: '/v1/media',
      who: 'member',
      summary: "The caller's own files, newest first.",
      query: PAGE_QUERY,
      reply: page<MediaView>('api/media'),
      handle: ({ caller, query }) => api.list(caller, query),
    }),
    userRoute({
      method: 'DELETE',
      path: '/v1/media/{media_id}',
      who: 'member',
      summary: 'Delete an own file, or as an administrator anybody’s.',
      params: MEDIA,
      reply: nothing,
      handle: ({ caller, params }) => api.remove(caller, params.media_id),
    }),
    userRoute({
      method: 'GET',
      path: '/v1/admin/media',
      who: 'tenant_admin',
      summary: 'All files of the tenant, newest first.',
      query: PAGE_QUERY,
      reply: page<MediaView>('api/media'),
      handle: ({ caller, query }) => api.listAll(caller, query),
    }),
    userRoute({
      method: 'DELETE',
      path: '/v1/admin/media/{media_id}',
      who: 'tenant_admin',
      summary: 'Delete a file of the tenant.',
      params: MEDIA,
      reply: nothing,
      handle: ({ caller, params }) => api.remove(caller, params.media_id),
    }),
  ];
}
