// Some common emoji with their names and other words for them, from emojibase-data 17.0.0 (MIT, https://emojibase.dev), which
// has the words from Unicode's CLDR (Unicode License v3, https://www.unicode.org/license.txt). The name of an emoji
// is before the bar. Licences: ../EMOJI-LICENSE.

/** By group. @type {[string, string][]} */
export const groups = [
  ['Smileys', `😀 grinning face|cheerful cheery grin happy laugh nice smile; 😃 grinning face with big eyes|awesome grin happy mouth open smile smiling; 😄 grinning face with smiling eyes|eye grin happy laugh lol mouth open
😁 beaming face with smiling eyes|eye grin grinning happy nice smile teeth; 😆 grinning squinting face|closed eyes haha hahaha happy laugh lol; 😅 grinning face with sweat|cold dejected excited mouth nervous open smile
🤣 rolling on the floor laughing|crying face funny haha happy hehe hilarious; 😂 face with tears of joy|crying feels funny haha happy hehe hilarious; 🙂 slightly smiling face|happy smile
🙃 upside-down face|hehe smile; 🫠 melting face|disappear dissolve embarrassed haha heat hot liquid; 😉 winking face|flirt heartbreaker sexy slide tease wink winks
😊 smiling face with smiling eyes|blush eye glad satisfied smile; 😇 smiling face with halo|angel angelic angels blessed fairy fairytale fantasy; 🥰 smiling face with hearts|3 adore crush heart ily love romance
😍 smiling face with heart-eyes|143 bae eye feels hearts ily kisses; 🤩 star-struck|excited eyes face grinning smile star starry-eyed; 😘 face blowing a kiss|adorbs bae flirt heart ily love lover
😗 kissing face|143 date dating flirt ily kiss love; 😚 kissing face with closed eyes|143 bae blush date dating eye flirt; 😙 kissing face with smiling eyes|143 closed date dating eye flirt ily
🥲 smiling face with tear|glad grateful happy joy pain proud relieved; 😋 face savoring food|delicious eat full hungry savor smile smiling; 😛 face with tongue|awesome cool nice party stuck-out sweet
😜 winking face with tongue|crazy epic eye funny joke loopy nutty; 🤪 zany face|crazy eye eyes goofy large small; 😝 squinting face with tongue|closed eye eyes gross horrible omg stuck-out
🤑 money-mouth face|money mouth paid; 🤗 smiling face with open hands|hug hugging; 🤭 face with hand over mouth|giggle giggling oops realization secret shock sudden
🫢 face with open eyes and hand over mouth|amazement awe disbelief embarrass gasp omg quiet; 🫣 face with peeking eye|captivated embarrass hide hiding peek peep scared; 🤫 shushing face|quiet shh shush
🤔 thinking face|chin consider hmm ponder pondering wondering; 🫡 saluting face|good luck ok respect salute sir troops; 🤐 zipper-mouth face|keep mouth quiet secret shut zip zipper
🤨 face with raised eyebrow|disapproval disbelief distrust emoji hmm mild skeptic; 😐️ neutral face|awkward blank deadpan expressionless fine jealous meh; 😑 expressionless face|awkward dead fine inexpressive jealous meh not
😶 face without mouth|awkward blank expressionless mouthless mute quiet secret; 🫥 dotted line face|depressed disappear hidden hide introvert invisible meh; 😏 smirking face|boss dapper flirt homie kidding leer shade
😒 unamused face|bored fine jealous jel jelly pissed smh; 🙄 face with rolling eyes|eyeroll shade ugh whatever; 😬 grimacing face|awk awkward dentist grimace grinning smile smiling
🤥 lying face|liar lie pinocchio; 😌 relieved face|calm peace relief zen; 😔 pensive face|awful bored dejected died disappointed losing lost
😪 sleepy face|crying good night sad sleep sleeping tired; 🤤 drooling face; 😴 sleeping face|bed bedtime good goodnight nap night sleep
😷 face with medical mask|cold dentist dermatologist doctor dr germs medicine; 🤒 face with thermometer|ill sick; 🤕 face with head-bandage|bandage hurt injury ouch
🤢 nauseated face|gross nasty sick vomit; 🤮 face vomiting|barf ew gross puke sick spew throw; 🤧 sneezing face|fever flu gesundheit sick sneeze
🥵 hot face|dying feverish heat panting red-faced stroke sweating; 🥶 cold face|blue blue-faced freezing frostbite icicles subzero teeth; 🥴 woozy face|dizzy drunk eyes intoxicated mouth tipsy uneven
😵 face with crossed-out eyes|dead dizzy feels knocked out sick tired; 🤯 exploding head|blown explode mind mindblown no shocked way; 🤠 cowboy hat face|cowgirl
🥳 partying face|bday birthday celebrate celebration excited happy hat; 🥸 disguised face|disguise eyebrow glasses incognito moustache mustache nose; 😎 smiling face with sunglasses|awesome beach bright bro chilling cool rad
🤓 nerd face|brainy clever expert geek gifted glasses intelligent; 🧐 face with monocle|classy fancy rich stuffy wealthy; 😕 confused face|befuddled confusing dunno frown hm meh not
🫤 face with diagonal mouth|confused confusion disappointed doubt doubtful frustrated frustration; 😟 worried face|anxious butterflies nerves nervous sad stress stressed; 🙁 slightly frowning face|frown sad
😮 face with open mouth|believe forgot omg shocked surprised sympathy unbelievable; 😯 hushed face|epic omg stunned surprised whoa woah; 😲 astonished face|cost no omg shocked totally way
😳 flushed face|amazed awkward crazy dazed dead disbelief embarrassed; 🥺 pleading face|begging big eyes mercy not please pretty; 🥹 face holding back tears|admiration aww cry embarrassed feelings grateful gratitude
😦 frowning face with open mouth|caught frown guard scared scary surprise what; 😧 anguished face|forgot scared scary stressed surprise unhappy what; 😨 fearful face|afraid anxious blame fear scared worried
😰 anxious face with sweat|blue cold eek mouth nervous open rushed; 😥 sad but relieved face|anxious call close complicated disappointed not sweat; 😢 crying face|awful cry feels miss sad tear triste
😭 loudly crying face|bawling cry sad sob tear tears unhappy; 😱 face screaming in fear|epic fearful munch scared scream screamer shocked; 😖 confounded face|annoyed confused cringe distraught feels frustrated mad
😣 persevering face|concentrate concentration focus headache persevere; 😞 disappointed face|awful blame dejected fail losing sad unhappy; 😓 downcast face with sweat|close cold feels headache nervous sad scared
😩 weary face|crying fail feels hungry mad nooo sad; 😫 tired face|cost feels nap sad sneeze; 🥱 yawning face|bedtime bored goodnight nap night sleep sleepy
😤 face with steam from nose|anger angry feels fume fuming furious fury; 😡 enraged face|anger angry feels mad maddening pouting rage; 😠 angry face|anger blame feels frustrated mad maddening rage
🤬 face with symbols on mouth|censor cursing cussing mad pissed swearing; 😈 smiling face with horns|demon devil evil fairy fairytale fantasy purple; 👿 angry face with horns|demon devil evil fairy fairytale fantasy imp
💀 skull|body dead death face fairy fairytale lmao; 💩 pile of poo|bs comic doo dung face fml monster; 🤡 clown face
👻 ghost|boo creature excited face fairy fairytale fantasy; 👽️ alien|creature extraterrestrial face fairy fairytale fantasy monster; 🤖 robot|face monster
😺 grinning cat|animal face mouth open smile smiling; 😸 grinning cat with smiling eyes|animal eye face grin smile; 😹 cat with tears of joy|animal face laugh laughing lol tear
😻 smiling cat with heart-eyes|animal eye face heart love smile; 😼 cat with wry smile|animal face ironic; 🙀 weary cat|animal face oh surprised
😿 crying cat|animal cry face sad tear; 🙈 see-no-evil monkey|embarrassed evil face forbidden forgot gesture hide; 🙉 hear-no-evil monkey|animal ears evil face forbidden gesture hear
🙊 speak-no-evil monkey|animal evil face forbidden gesture no not`],
  ['People and hands', `👋 waving hand|bye cya g2g greetings gtg hello hey; ✋️ raised hand|5 five high stop; 🖖 vulcan salute|finger hand hands
👌 ok hand|awesome bet dope fleek fosho got gotcha; 🤌 pinched fingers|gesture hand hold huh interrogation patience relax; 🤏 pinching hand|amount bit fingers little small sort
✌️ victory hand|peace v; 🤞 crossed fingers|cross finger hand luck; 🫰 hand with index finger and thumb crossed|expensive heart love money snap
🤟 love-you gesture|fingers hand ily love three you; 🤘 sign of the horns|finger hand rock-on; 🤙 call me hand|hang loose shaka
👈️ backhand index pointing left|finger hand point; 👉️ backhand index pointing right|finger hand point; 👆️ backhand index pointing up|finger hand point
👇️ backhand index pointing down|finger hand point; ☝️ index pointing up|finger hand point this; 🫵 index pointing at the viewer|finger hand poke you
👍️ thumbs up|+1 good hand like thumb yes; 👎️ thumbs down|-1 bad dislike good hand no nope; ✊️ raised fist|clenched hand punch solidarity
👊 oncoming fist|absolutely agree boom bro bruh bump clenched; 🤛 left-facing fist|leftwards; 🤜 right-facing fist|rightwards
👏 clapping hands|applause approval awesome clap congrats congratulations excited; 🙌 raising hands|celebration gesture hand hooray praise raised; 🫶 heart hands|love you
👐 open hands|hand hug jazz swerve; 🤲 palms up together|cupped dua hands pray prayer wish; 🤝 handshake|agreement deal hand meeting shake
🙏 folded hands|appreciate ask beg blessed bow cmon five; ✍️ writing hand|write; 💅 nail polish|bored care cosmetics done makeup manicure whatever
🤳 selfie|camera phone; 💪 flexed biceps|arm beast bench bodybuilder bro curls flex; 🧠 brain|intelligent smart
👀 eyes|body eye face googly look looking omg; 👁️ eye|1 body one; 👄 mouth|beauty body kiss kissing lips lipstick
👶 baby|babies children goo infant newborn pregnant young; 🧒 child|bright-eyed grandchild kid young younger; 👦 boy|bright-eyed child grandson kid son young younger
👧 girl|bright-eyed child daughter granddaughter kid virgo young; 🧑 person|adult; 👨 man|adult bro
👩 woman|adult lady; 👴 old man|adult bald elderly gramps grandfather grandpa wise; 👵 old woman|adult elderly grandma grandmother granny lady wise
🙅 person gesturing no|forbidden gesture hand not prohibit; 🙆 person gesturing ok|exercise gesture hand omg; 💁 person tipping hand|fetch flick flip gossip sarcasm sarcastic sassy
🙋 person raising hand|gesture here know me pick question raise; 🙇 person bowing|apology ask beg bow favor forgive gesture; 🤦 person facepalming|again bewilder disbelief exasperation facepalm no not
🤷 person shrugging|doubt dunno guess idk ignorance indifference knows; 👮 police officer|apprehend arrest citation cop law over pulled; 🕵️ detective|sleuth spy
💂 guard|buckingham helmet london palace; 👷 construction worker|build fix hardhat hat man person rebuild; 🤴 prince|crown fairy fairytale fantasy king royal royalty
👸 princess|crown fairy fairytale fantasy queen royal royalty; 🦸 superhero|good hero superpower; 🧙 mage|fantasy magic play sorcerer sorceress sorcery spell
🧚 fairy|fairytale fantasy myth person pixie tale wings; 🧛 vampire|blood dracula fangs halloween scary supernatural teeth; 🧟 zombie|apocalypse dead halloween horror scary undead walking
💃 woman dancing|dance dancer elegant festive flair flamenco groove; 🕺 man dancing|dance dancer elegant festive flair flamenco groove; 🚶 person walking|amble gait hike man pace pedestrian stride
🏃 person running|fast hurry marathon move quick race racing; 🧘 person in lotus position|cross legged legs meditation peace relax serenity; 👫 woman and man holding hands|bae bestie bff couple dating flirt friends
👭 women holding hands|bae bestie bff couple dating flirt friends; 👬 men holding hands|bae bestie bff boys brothers couple dating; 👪️ family|child
🗣️ speaking head|face silhouette speak; 👤 bust in silhouette|mysterious shadow; 👥 busts in silhouette|bff bust everyone friend friends people
🫂 people hugging|comfort embrace farewell friendship goodbye hello hug; 👣 footprints|barefoot clothing footprint omw print walk`],
  ['Hearts and feelings', `❤️ red heart|emotion love; 🧡 orange heart|143; 💛 yellow heart|143 cardiac emotion ily love
💚 green heart|143 emotion ily love romantic; 💙 blue heart|143 emotion ily love romance; 🩵 light blue heart|143 cute cyan emotion ily like love
💜 purple heart|143 bestest emotion ily love; 🤎 brown heart|143; 🖤 black heart|evil wicked
🤍 white heart|143; 💔 broken heart|break crushed emotion heartbroken lonely sad; ❣️ heart exclamation|heavy mark punctuation
💕 two hearts|143 anniversary date dating emotion heart ily; 💞 revolving hearts|143 adorbs anniversary emotion heart; 💓 beating heart|143 cardio emotion heartbeat ily love pulsating
💗 growing heart|143 emotion excited heartpulse ily kisses muah; 💖 sparkling heart|143 emotion excited good ily kisses morning; 💘 heart with arrow|143 adorbs cupid date emotion ily love
💝 heart with ribbon|143 anniversary emotion ily kisses valentine xoxo; 💌 love letter|heart mail romance valentine; 💋 kiss mark|dating emotion heart kissing lips romance sexy
💯 hundred points|100 a+ agree clearly definitely faithful fleek; 💢 anger symbol|angry comic mad upset; 💥 collision|bomb boom collide comic explode
💫 dizzy|comic shining shooting star stars; 💦 sweat droplets|comic drip droplet drops splashing squirt water; 💨 dashing away|cloud comic dash fart fast go gone
💣️ bomb|boom comic dangerous explosion hot; 💬 speech balloon|bubble comic dialog message sms talk text; 💭 thought balloon|bubble cartoon cloud comic daydream decisions dream
💤 zzz|comic good goodnight night sleep sleeping sleepy; ✨️ sparkles|magic sparkle star; 🔥 fire|af burn flame hot lit litaf tool`],
  ['Animals and nature', `🐶 dog face|adorbs animal pet puppies puppy; 🐱 cat face|animal kitten kitty pet; 🐭 mouse face|animal
🐹 hamster|animal face pet; 🐰 rabbit face|animal bunny pet; 🦊 fox|animal face
🐻 bear|animal face grizzly growl honey; 🐼 panda|animal bamboo face; 🐨 koala|animal australia bear down face marsupial under
🐯 tiger face|animal big cat predator; 🦁 lion|alpha animal face leo mane order rawr; 🐮 cow face|animal farm milk moo
🐷 pig face|animal bacon farm pork; 🐸 frog|animal face; 🐵 monkey face|animal banana
🐔 chicken|animal bird ornithology; 🐧 penguin|animal antarctica bird ornithology; 🐦️ bird|animal ornithology
🐤 baby chick|animal bird ornithology; 🦆 duck|animal bird ornithology; 🦅 eagle|animal bird ornithology
🦉 owl|animal bird ornithology wise; 🦇 bat|animal vampire; 🐺 wolf|animal face
🐴 horse face|animal dressage equine farm horses; 🦄 unicorn|face; 🐝 honeybee|animal bee bumblebee honey insect nature spring
🐛 bug|animal garden insect; 🦋 butterfly|insect pretty; 🐌 snail|animal escargot garden nature slug
🐞 lady beetle|animal garden insect ladybird ladybug nature; 🐜 ant|animal garden insect; 🕷️ spider|animal insect
🐢 turtle|animal terrapin tortoise; 🐍 snake|animal bearer ophiuchus serpent zodiac; 🦎 lizard|animal reptile
🐙 octopus|animal creature ocean; 🦀 crab|cancer zodiac; 🐠 tropical fish|animal fishes
🐟️ fish|animal dinner fishes fishing pisces zodiac; 🐬 dolphin|animal beach flipper ocean; 🐳 spouting whale|animal beach face ocean
🦈 shark|animal fish; 🐘 elephant|animal; 🦒 giraffe|animal spots
🐑 ewe|animal baa farm female fluffy lamb sheep; 🐐 goat|animal capricorn farm milk zodiac; 🐕️ dog|animal animals dogs pet
🐈️ cat|animal animals cats kitten pet; 🐓 rooster|animal bird ornithology; 🐇 rabbit|animal bunny pet
🦔 hedgehog|animal spiny; 🐿️ chipmunk|animal squirrel; 🌵 cactus|desert drought nature plant
🎄 christmas tree|celebration; 🌲 evergreen tree|christmas forest pine; 🌳 deciduous tree|forest green habitat shedding
🌴 palm tree|beach plant tropical; 🌱 seedling|plant sapling sprout young; 🌿 herb|leaf plant
☘️ shamrock|irish plant; 🍀 four leaf clover|4 four-leaf irish lucky plant; 🍁 maple leaf|falling
🍂 fallen leaf|autumn fall falling; 🍄 mushroom|fungus toadstool; 🌷 tulip|blossom flower growth plant
🌹 rose|beauty elegant flower love plant red valentine; 🌺 hibiscus|flower plant; 🌸 cherry blossom|flower plant spring springtime
🌼 blossom|buttercup dandelion flower plant; 🌻 sunflower|flower outdoors plant sun; 🌞 sun with face|beach bright day heat shine sunny sunshine
🌝 full moon face|bright; 🌙 crescent moon|ramadan space; ⭐️ star|astronomy medium stars white
🌟 glowing star|glittery glow night shining sparkle win; ☀️ sun|bright rays space sunny weather; ⛅️ sun behind cloud|cloudy weather
☁️ cloud|weather; 🌧️ cloud with rain|weather; ⛈️ cloud with lightning and rain|thunder thunderstorm
❄️ snowflake|cold snow weather; ⛄️ snowman without snow|cold man; ☔️ umbrella with rain drops|clothing drop weather
🌈 rainbow|gay genderqueer glbt glbtq lesbian lgbt lgbtq; 🌊 water wave|nature ocean surf surfer surfing; 🌍️ globe showing europe-africa|africa earth europe world`],
  ['Food and drink', `🍏 green apple|fruit; 🍎 red apple|diet food fruit health ripe; 🍐 pear|fruit
🍊 tangerine|c citrus fruit nectarine orange vitamin; 🍋 lemon|citrus fruit sour; 🍌 banana|fruit potassium
🍉 watermelon|fruit; 🍇 grapes|dionysus fruit grape; 🍓 strawberry|berry fruit
🫐 blueberries|berries berry bilberry blue blueberry food fruit; 🍒 cherries|berries cherry fruit red; 🍑 peach|fruit
🥭 mango|food fruit tropical; 🍍 pineapple|colada fruit pina tropical; 🥥 coconut|colada palm
🥝 kiwi fruit|food; 🍅 tomato|food fruit vegetable; 🥑 avocado|food fruit
🥦 broccoli|cabbage wild; 🥕 carrot|food vegetable; 🌽 ear of corn|crops farm maize maze
🌶️ hot pepper; 🥔 potato|food vegetable; 🥐 croissant|bread breakfast crescent food french roll
🍞 bread|carbs food grain loaf restaurant toast wheat; 🥖 baguette bread|food french; 🧀 cheese wedge
🥚 egg|breakfast food; 🍳 cooking|breakfast easy egg fry frying over pan; 🥞 pancakes|breakfast food hotcake pancake
🥓 bacon|breakfast food meat; 🍔 hamburger|burger eat fast food hungry; 🍟 french fries|fast food
🍕 pizza|cheese food hungry pepperoni slice; 🌭 hot dog|frankfurter hotdog sausage; 🥪 sandwich|bread
🌮 taco|mexican; 🌯 burrito|mexican wrap; 🥗 green salad|food
🍝 spaghetti|food meatballs pasta restaurant; 🍜 steaming bowl|chopsticks food noodle pho ramen soup; 🍣 sushi|food
🍱 bento box|food; 🍚 cooked rice|food; 🍦 soft ice cream|dessert food icecream restaurant serve sweet
🍩 doughnut|breakfast dessert donut food sweet; 🍪 cookie|chip chocolate dessert sweet; 🎂 birthday cake|bday celebration dessert happy pastry sweet
🍰 shortcake|cake dessert pastry slice sweet; 🧁 cupcake|bakery dessert sprinkles sugar sweet treat; 🍫 chocolate bar|candy dessert halloween sweet tooth
🍬 candy|cavities dessert halloween restaurant sweet tooth wrapper; 🍭 lollipop|candy dessert food restaurant sweet; 🍿 popcorn|corn movie pop
☕️ hot beverage|cafe caffeine chai coffee drink morning steaming; 🍵 teacup without handle|beverage cup drink oolong tea; 🧃 beverage box|juice straw sweet
🥤 cup with straw|drink juice malt soda soft water; 🍺 beer mug|alcohol ale bar booze drink drinking drinks; 🍻 clinking beer mugs|alcohol bar booze bottoms cheers clink drinking
🥂 clinking glasses|celebrate clink drink glass; 🍷 wine glass|alcohol bar beverage booze club drink drinking; 🍸️ cocktail glass|alcohol bar booze club drink drinking drinks
🍹 tropical drink|alcohol bar booze club cocktail drinking drinks; 🥃 tumbler glass|liquor scotch shot whiskey whisky; 🍾 bottle with popping cork|bar drink`],
  ['Activities and places', `🎉 party popper|awesome birthday celebrate celebration excited hooray tada; 🎊 confetti ball|celebrate celebration party woohoo; 🎈 balloon|birthday celebrate celebration
🎁 wrapped gift|birthday bow box celebration christmas present surprise; 🎃 jack-o-lantern|celebration halloween jack lantern pumpkin; 🏆️ trophy|champion champs prize slay sport victory win
🥇 1st place medal|first gold; 🥈 2nd place medal|second silver; 🥉 3rd place medal|bronze third
🏅 sports medal|award gold winner; ⚽️ soccer ball|football futbol sport; 🏀 basketball|ball hoop sport
🏈 american football|ball bowl sport super; 🎾 tennis|ball racquet sport; 🏐 volleyball|ball game
🎱 pool 8 ball|8ball billiard eight game; 🏓 ping pong|ball bat game paddle pingpong table tennis; 🏸 badminton|birdie game racquet shuttlecock
🎯 bullseye|bull dart direct entertainment game hit target; 🎮️ video game|controller entertainment; 🎲 game die|dice entertainment
🧩 puzzle piece|clue interlocking jigsaw; ♟️ chess pawn|dupe expendable; 🎨 artist palette|art artsy arty colorful creative entertainment museum
🎬️ clapper board|action movie; 🎤 microphone|karaoke mic music sing sound; 🎧️ headphone|earbud sound
🎸 guitar|instrument music strat; 🎹 musical keyboard|instrument music piano; 🥁 drum|drumsticks music
🎺 trumpet|instrument music; 🎻 violin|instrument music; 🚗 automobile|car driving vehicle
🚕 taxi|cab cabbie car drive vehicle yellow; 🚌 bus|school vehicle; 🚲️ bicycle|bike class cycle cycling cyclist gang ride
🛵 motor scooter; 🚆 train|arrived choo railway; ✈️ airplane|aeroplane fly flying jet plane travel
🚀 rocket|launch rockets space travel; 🛸 flying saucer|aliens extra terrestrial ufo; ⛵️ sailboat|boat resort sailing sea yacht
🚢 ship|boat passenger travel; ⚓️ anchor|ship tool; 🚦 vertical traffic light|drove intersection signal stop stoplight
🏠️ house|building country heart home ranch settle simple; 🏢 office building|city cubical job; 🏥 hospital|building doctor medicine
🏫 school|building; 🏰 castle|building european; 🏖️ beach with umbrella
⛰️ mountain; 🏕️ camping; 🌋 volcano|eruption mountain nature
🌃 night with stars|star; 🌅 sunrise|morning nature sun; 🎆 fireworks|boom celebration entertainment yolo
🎢 roller coaster|amusement park theme`],
  ['Things', `⌚️ watch|clock time; 📱 mobile phone|cell communication telephone; 💻️ laptop|computer office pc personal
⌨️ keyboard|computer; 🖥️ desktop computer|monitor; 🖨️ printer|computer
🖱️ computer mouse; 💾 floppy disk|computer; 📷️ camera|photo selfie snap tbt trip video
🎥 movie camera|bollywood cinema film hollywood record; 📞 telephone receiver|communication phone voip; 📺️ television|tv video
⏰️ alarm clock|hours hrs late time waiting; ⏳️ hourglass not done|flowing hours sand timer waiting yolo; 🔋 battery
🔌 electric plug|electricity; 💡 light bulb|comic electric idea; 🔦 flashlight|electric light tool torch
🕯️ candle|light; 🧯 fire extinguisher|extinguish quench; 💸 money with wings|bank banknote bill billion cash dollar fly
💰️ money bag|bank bet billion cash cost dollar gold; 💳️ credit card|bank cash charge money pay; 💎 gem stone|diamond engagement jewel money romance wedding
🔧 wrench|home improvement spanner tool; 🔨 hammer|home improvement repairs tool; 🛠️ hammer and wrench|spanner tool
⚙️ gear|cog cogwheel tool; 🧪 test tube|chemist chemistry experiment lab science; 🔬 microscope|experiment lab science tool
🔭 telescope|contact extraterrestrial science tool; 💊 pill|doctor drugs medicated medicine pills sick vitamin; 🩹 adhesive bandage
🚪 door|back closet front; 🛏️ bed|hotel sleep; 🛁 bathtub|bath
🧹 broom|cleaning sweeping witch; 🧻 roll of paper|toilet towels; 🧼 soap|bar bathing clean cleaning lather soapdish
🔑 key|keys lock major password unlock; 🗝️ old key|clue lock; 📦️ package|box communication delivery parcel shipping
✉️ envelope|e-mail email letter; 📧 e-mail|email letter mail; 📝 memo|communication media notes pencil
📅 calendar|date; 📌 pushpin|collage pin; 📎 paperclip
✂️ scissors|cut cutting paper tool; 🗑️ wastebasket|can garbage trash waste; 🔒️ locked|closed lock private
🔓️ unlocked|cracked lock open unlock; 🔍️ magnifying glass tilted left|lab left-pointing science search tool; 📚️ books|book education fantasy knowledge library novels reading
📖 open book|education fantasy knowledge library novels reading; 🔖 bookmark|mark; 📈 chart increasing|data graph growth right trend up upward
📉 chart decreasing|data down downward graph negative trend; 📊 bar chart|data graph; 📰 newspaper|communication news paper
👑 crown|clothing family king medieval queen royal royalty; 👓️ glasses|clothing eye eyeglasses eyewear; 👕 t-shirt|blue casual clothes clothing collar dressed shirt
👟 running shoe|athletic clothes clothing fast kick shoes shopping; 🎒 backpack|backpacking bag bookbag education rucksack satchel school; ☂️ umbrella|clothing rain
🧨 firecracker|dynamite explosive fire fireworks light pop popping`],
  ['Symbols', `✅️ check mark button|checked checkmark complete completed done fixed tick; ❌️ cross mark|cancel multiplication multiply x; ❎️ cross mark button|multiplication multiply square x
⭕️ hollow red circle|heavy large o; 🚫 prohibited|entry forbidden no not smoke; ⛔️ no entry|do fail forbidden not pass prohibited traffic
❗️ red exclamation mark|punctuation; ❓️ red question mark|punctuation; ‼️ double exclamation mark|bangbang punctuation
⁉️ exclamation question mark|interrobang punctuation; ⚠️ warning|caution; ♻️ recycling symbol|recycle
🔁 repeat button|arrow clockwise; 🔄 counterclockwise arrows button|again anticlockwise arrow deja refresh rewindershins vu; ▶️ play button|arrow right triangle
⏸️ pause button|bar double vertical; ⏩️ fast-forward button|arrow double fast forward; ⬆️ up arrow|cardinal direction north
⬇️ down arrow|cardinal direction south; ➡️ right arrow|cardinal direction east; ⬅️ left arrow|cardinal direction west
↩️ right arrow curving left; 🔔 bell|break church sound; 🔕 bell with slash|forbidden mute no not prohibited quiet silent
📢 loudspeaker|address communication loud public sound; 🆗 ok button|okay; 🆕 new button
🆒 cool button; 🆘 sos button|help; 🔴 red circle|geometric
🟠 orange circle; 🟡 yellow circle; 🟢 green circle
🔵 blue circle|geometric; 🟣 purple circle; ⚫️ black circle|geometric
⚪️ white circle|geometric; 🟥 red square|card penalty; 🟩 green square
🟦 blue square; ➕️ plus|+; ➖️ minus|- heavy math sign
✖️ multiply|cancel multiplication sign x; ♾️ infinity|forever unbounded universal; 💲 heavy dollar sign|billion cash charge currency million money pay
™️ trade mark|tm trademark; ☮️ peace symbol|healing peaceful; 🏁 chequered flag|checkered finish flags game race racing sport
🚩 triangular flag|construction golf post; 🏳️‍🌈 rainbow flag|bisexual gay genderqueer glbt glbtq lesbian lgbt; 🏴‍☠️ pirate flag|jolly plunder roger treasure
0️⃣ keycap: 0|zero; 1️⃣ keycap: 1|one; 2️⃣ keycap: 2|two
3️⃣ keycap: 3|three; 🔟 keycap: 10`],
];
