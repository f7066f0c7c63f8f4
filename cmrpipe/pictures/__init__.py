"""Pictures of images and contours, made of value objects."""
