import type { Config } from '../config/config.js';
import type { TenantListRow } from '../store/repositories/spanning.repository.js';
import { ownMasterKeyFile } from './storage.js';

/** What the person who started the node can do next; in mock mode, three calls that work as pasted. */
export function welcomeLines(config: Config, url: string, place: string, tenants: readonly TenantListRow[]): readonly string[] {
  const [first] = tenants;
  const lines = [whereItIs(config, place), ...tenants.slice(0, 10).map(({ slug, server_name }) => `Tenant ${slug}: server name ${server_name}`)];
  if (first === undefined) return [...lines, 'There is no tenant yet: scaiwave admin create-tenant --slug … --name … --scaikey-tenant-id …'];
  if (config.authMode === 'scaikey') return [...lines, `Tokens come from ScaiKey: ${config.scaikeyUrl}`];
  return [...lines, ...tryIt(url, first.slug)];
}

function whereItIs(config: Config, place: string): string {
  const { dbUrl, masterKey } = config.secrets;
  const ownKey = dbUrl === undefined && masterKey === undefined && config.masterKeyFile === undefined;
  return `Data: ${place}${ownKey ? `, sealed with ${ownMasterKeyFile(config)}` : ''}`;
}

function tryIt(url: string, slug: string): readonly string[] {
  const admin = `mock:${slug}:admin:tenant_admin`;
  return [
    '',
    'Anybody may say who they are here (SCAIWAVE_AUTH_MODE=mock). Tokens to try:',
    `  an administrator  ${admin}`,
    `  a member          mock:${slug}:member`,
    '',
    'Make a room, say something, read it back:',
    '',
    `  ROOM=$(curl -sS -X POST ${url}/v1/rooms -H 'authorization: Bearer ${admin}' -H 'content-type: application/json' -d '{"room_type":"group","name":"Hello"}' | sed 's/.*"id":"\\(room-[^"]*\\)".*/\\1/')`,
    `  curl -sS -X POST ${url}/v1/rooms/$ROOM/send -H 'authorization: Bearer ${admin}' -H 'content-type: application/json' -d '{"content":{"msgtype":"swp.text","body":"Hello, world"}}'`,
    `  curl -sS ${url}/v1/rooms/$ROOM/messages -H 'authorization: Bearer ${admin}'`,
    '',
    'Without curl, the same three calls:',
    '',
    `  ${nodeLine(url, admin)}`,
  ];
}

function nodeLine(url: string, token: string): string {
  const script = [
    `const h={authorization:'Bearer ${token}','content-type':'application/json'}`,
    `const call=async(m,p,b)=>(await fetch('${url}'+p,{method:m,headers:h,...(b&&{body:JSON.stringify(b)})})).json()`,
    `const r=(await call('POST','/v1/rooms',{room_type:'group',name:'Hello'})).data.id`,
    `await call('POST','/v1/rooms/'+r+'/send',{content:{msgtype:'swp.text',body:'Hello, world'}})`,
    `console.log(JSON.stringify(await call('GET','/v1/rooms/'+r+'/messages')))`,
  ].join(';');
  return `node --input-type=module -e "${script}"`;
}
