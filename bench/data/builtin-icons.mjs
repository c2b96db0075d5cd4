// The icons of the built-in set, by their names in the flat package. Chosen by eye for variety, good looks and
// silhouettes that match between styles; faces, people and symbols are few, since they come in near-equal families.

/** Held out: nothing in the training list is a variant of one of these. */
export const TEST_ICONS = `
red-apple eggplant strawberry doughnut hamburger avocado carrot mushroom
fox octopus turtle frog lady-beetle sunflower cactus volcano
guitar teapot light-bulb backpack camera crown telephone umbrella
rocket automobile sailboat basketball trophy jack-o-lantern ghost robot`;

export const TRAIN_ICONS = `
grinning-face smiling-face-with-sunglasses smiling-face-with-heart-eyes winking-face-with-tongue thinking-face
astonished-face angry-face sleeping-face exploding-head cold-face hot-face partying-face clown-face nerd-face
smiling-face-with-horns alien alien-monster pile-of-poo astronaut santa-claus ninja construction-worker
thumbs-up flexed-biceps ear mouth anatomical-heart

ant baby-chick badger bat bear bird butterfly camel cat-face cow-face crocodile dog-face dolphin dragon-face
elephant fish flamingo giraffe hamster hedgehog hippopotamus horse-face jellyfish lion monkey-face mouse-face
otter owl panda parrot pig-face rabbit-face rooster sauropod shark snail snake spouting-whale t-rex tiger-face
tropical-fish unicorn zebra bouquet cherry-blossom coral deciduous-tree evergreen-tree four-leaf-clover
hibiscus maple-leaf palm-tree potted-plant rose seedling tulip spiral-shell

banana beer-mug bell-pepper birthday-cake blueberries bread bubble-tea cherries chocolate-bar cocktail-glass
coconut cookie cupcake custard french-fries honey-pot hot-dog hot-pepper ice-cream kiwi-fruit lemon lollipop
pancakes pear pineapple pizza popcorn soft-ice-cream sushi taco tropical-drink watermelon wine-glass

alarm-clock axe balloon basket bathtub battery bell books briefcase bucket candle coin couch-and-lamp
crystal-ball desktop-computer door drum fire-extinguisher gear gem-stone glasses graduation-cap hammer handbag
key locked magnet magnifying-glass-tilted-left maracas megaphone microphone money-bag necktie package pencil
pill red-paper-lantern saxophone scissors scroll shield shopping-cart syringe t-shirt television thread
toolbox top-hat wrapped-gift dress running-shoe

airplane ambulance anchor bus castle delivery-truck fire fire-engine flying-saucer helicopter house
globe-showing-europe-africa locomotive motor-scooter ringed-planet rainbow roller-skate skateboard star sun
sun-behind-cloud tent tractor vertical-traffic-light police-car-light droplet crescent-moon
cloud-with-lightning compass hourglass-done

american-football artist-palette boxing-glove bullseye christmas-tree game-die joystick kite magic-wand
nesting-dolls pool-8-ball soccer-ball sports-medal teddy-bear video-game slot-machine nazar-amulet

red-heart broken-heart heart-with-ribbon collision radioactive recycling-symbol cross-mark-button musical-note
large-orange-diamond`;

/** @param {string} list */
export const namesOf = (list) => list.trim().split(/\s+/);
