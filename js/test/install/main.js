import {connect} from '@seed-08328bfd/chat';
import {View} from '@seed-08328bfd/chat/view';

const chat = connect(new URL(location.hash.slice(1)), {room: 'r', username: 'Page', remember: true}), view = new View();
view.follow(chat);
await chat.ready();
const {offset} = await chat.send('from the page');
while (!view.at(offset)) await new Promise((r) => setTimeout(r, 20));
document.title = `${view.at(offset).message} over ${chat.transport}`;
